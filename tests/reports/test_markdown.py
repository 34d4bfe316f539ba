from dataclasses import replace
from datetime import timedelta

from markdown_it import MarkdownIt

from deploy.reports.markdown import DeploymentRecord, PhaseRecord, report
from tests.reports.recorded import HOSTILE, HOSTILE_RESULT, NOW, RESULTS, golden, is_harmless

RECORD = DeploymentRecord(
    deployment="20261123T013000Z-1a2b",
    system="practice",
    environment="local",
    version="0123456789ab",
    outcome="Rolled back: the gate of validate.post was closed",
    by="ada@laptop",
    started=NOW,
    ended=NOW + timedelta(seconds=83.4),
    previous="ba9876543210",
    phases=[
        PhaseRecord("prereqs", 1.2, RESULTS[:6]),
        PhaseRecord("migrate", 4.0, (), "migrate: 2 migrations applied"),
        PhaseRecord("validate.post", 0.5, RESULTS[6:]),
    ],
    checklist="# All that must hold\n\n## prereqs\n\n"
    "- [x] Disk\n  ```yaml\n  id: disk\n  # a comment\n  ```\n  > **pass** · 7 GB\n",
    signoffs=[{"item": "release-notes", "by": "Ada", "at": "2026-11-23 01:31 UTC", "note": "read"}],
    backups=[{"database": "app", "size": "1.2 MB", "receipt": "restored and equal"}],
    migrations=[{"name": "1_init", "class": "expand-only", "seconds": 0.1}],
    notes=["The replaced database is kept as app_replaced_1a2b."],
)


def test_a_deployment_with_all_there_is() -> None:
    golden("report.md", report(RECORD))


def test_the_least_that_there_can_be() -> None:
    bare = replace(RECORD, previous="", phases=(), checklist="", signoffs=(), backups=(), migrations=(), notes=())
    told = report(bare)
    assert "nothing was checked" in told
    assert "| Signed by | nobody |" in told
    assert "## Waivers" not in told
    assert "Checklist" not in told


def test_a_checklist_without_a_title_gets_one_and_keeps_its_blocks() -> None:
    told = report(replace(RECORD, checklist="## prereqs\n- [ ] x\n  ```sh\n# comment\n  ```\n"))
    assert told.endswith("## Checklist\n\n### prereqs\n- [ ] x\n  ```sh\n# comment\n  ```\n")


def test_pending_items_close_the_gate_only_where_they_hold() -> None:
    assert "**2 of them close the gate.**" in report(RECORD)
    assert "**1 of them close the gate.**" in report(replace(RECORD, signoffs_hold=False))


def test_hostile_texts_stay_text() -> None:
    hostile = replace(
        RECORD, outcome=HOSTILE, by=HOSTILE, phases=[PhaseRecord("prereqs", 1, [HOSTILE_RESULT], HOSTILE)],
        signoffs=[{"by": HOSTILE}], backups=[{HOSTILE: HOSTILE}], notes=[HOSTILE],
    )  # fmt: skip
    told = report(hostile)
    is_harmless(told)
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(told)
    assert "<script>" not in page
    assert page.count("<h1>") == 1
