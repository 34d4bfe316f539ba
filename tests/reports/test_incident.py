import re
from dataclasses import replace

from markdown_it import MarkdownIt

from deploy.reports.incident import FIELDS, Incident, fields, report
from deploy.result import Result, Severity, Status
from tests.reports.recorded import HOSTILE, HOSTILE_RESULT, NOW, RESULTS, golden, is_harmless

INCIDENT = Incident(
    deployment="20261123T013000Z-1a2b",
    system="practice",
    environment="local",
    version="0123456789ab",
    what="The gate of validate.post was closed: success-rate",
    at=NOW,
    records=[
        {"seq": 1, "at": "2026-11-23T01:30:00Z", "kind": "opened", "by": "ada", "hash": "f00"},
        {"seq": 2, "at": "2026-11-23T01:30:05Z", "kind": "step.intent", "step": "migrate", "hash": "ba2"},
    ],
    results=RESULTS,
    steps=["undid migrate", "undid switch"],
    commands=["psql \"$APP_URL\" <<'SQL'\nselect 1\nSQL", "invoke rollback --env local"],
)


def test_an_incident_with_all_there_is() -> None:
    golden("incident.md", report(INCIDENT))


def test_what_failed_comes_before_what_nobody_signed_and_small_signatures_are_left_out() -> None:
    def one(item: str, severity: Severity, status: Status) -> Result:
        return Result(item, f"title of {item}", "prereqs", severity, status)

    told = report(
        replace(
            INCIDENT,
            results=[
                one("unsigned-info", Severity.INFO, Status.PENDING),
                one("unsigned", Severity.CRITICAL, Status.PENDING),
                one("slow", Severity.WARNING, Status.FAIL),
                one("broken", Severity.CRITICAL, Status.UNKNOWN),
                one("fine", Severity.CRITICAL, Status.PASS),
            ],
        )
    )
    assert re.findall(r"\*\*title of (\S+)\*\*", told.replace("\\", "")) == ["broken", "slow", "unsigned"]


def test_the_least_that_there_can_be() -> None:
    told = report(replace(INCIDENT, records=(), results=(), steps=(), commands=()))
    assert "The journal has no records." in told
    assert "No check was open." in told
    assert "To run by a person" not in told


def test_of_a_baseline_the_timeline_names_the_items() -> None:
    record = {"seq": 1, "kind": "baseline", "phase": "", "numbers": {"cost": [0.1] * 900, "failures": [1, 2]}}
    (row,) = replace(INCIDENT, records=[record]).rows
    assert row["Details"] == "numbers: cost, failures"


def test_hostile_texts_stay_text() -> None:
    told = report(
        replace(INCIDENT, what=HOSTILE, records=[{"seq": 1, "kind": HOSTILE, "x": HOSTILE}], results=[HOSTILE_RESULT])
    )
    is_harmless(told)
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(told)
    assert "<script>" not in page
    assert page.count("<h1>") == 1


def test_what_people_wrote_is_kept_when_the_document_is_written_anew() -> None:
    hostile = [replace(HOSTILE_RESULT, evidence="## Cause\n\nnot this one\n## Impact\nnor this")]
    empty = replace(INCIDENT, results=hostile)
    assert fields(report(empty)) == dict.fromkeys(FIELDS, "")
    assert empty.missing == list(FIELDS)
    wrote = {"Cause": "A `typo`:\n\n```\nx = 1\n```\n\n### Why\n\n- nobody looked", "Owner": "Ada Lovelace"}
    text = report(replace(empty, fields=wrote))
    assert fields(text) == dict.fromkeys(FIELDS, "") | wrote
    assert report(replace(empty, fields=fields(text))) == text


def test_placeholders_count_as_empty() -> None:
    wrote = dict.fromkeys(FIELDS, "TODO") | {"Cause": "_TBD_", "Owner": "???", "Impact": "None: it was night."}
    assert replace(INCIDENT, fields=wrote).missing == [name for name in FIELDS if name != "Impact"]
    assert fields("# Something else that nobody of us wrote") == {}
