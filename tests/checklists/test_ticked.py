from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.checklists.checklist import parse
from deploy.checklists.ticked import ticked
from deploy.result import Result, Severity, Status
from tests.reports.recorded import HOSTILE, golden

TEXT = """\
# Title   \t
## prereqs

- [ ] Disk
  has room
  ```yaml
  id: disk
  # [ ] not a box
  ```

* [x] Told
1.  [ ] Network

    prose

## backup
- [x] Never asked
"""
NOW = datetime(2026, 11, 23, 1, 30, 5, tzinfo=UTC)


def result(item: str, status: Status, found: str = "7 GB", evidence: str = "", host: str = "") -> Result:
    return Result(item, item, "prereqs", Severity.CRITICAL, status, "5 GB", found, evidence, host=host, asked_at=NOW)


RESULTS = [
    result("disk", Status.PASS, host="app1"),
    result("disk", Status.WAIVED, "1 GB", "Ada: new disk, until 2026-12-01", "app2"),
    result("told", Status.PASS, "signed by Ada at 2026-11-23 01:20 UTC", "by mail"),
    result("network", Status.FAIL, "down", "ping:\nno route"),
]


def tick(text: str, results: list[Result]) -> str:
    return ticked(parse(text, Path("checklist.md")), results)


def test_what_holds_is_ticked_with_what_was_found() -> None:
    golden("ticked.md", tick(TEXT, RESULTS))


def test_everything_else_stays_byte_for_byte() -> None:
    for text in (TEXT, "\ufeff" + TEXT, TEXT.replace("\n", "\r\n"), TEXT.replace("\n", "\r"), TEXT.rstrip("\n")):
        end = "\r\n" if "\r\n" in text else "\r" if "\r" in text else "\n"
        told = tick(text, RESULTS).split(end)
        kept = end.join(line for line in told if not line.lstrip().startswith("> "))
        assert kept == text.replace("- [ ] Disk", "- [x] Disk").replace("[x] Never", "[ ] Never")


def test_one_host_that_fails_is_enough_for_no_tick() -> None:
    told = tick(TEXT, [result("disk", Status.PASS), result("disk", Status.FAIL)])
    assert "- [ ] Disk" in told


@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.PENDING, Status.SKIPPED, Status.FAIL])
def test_nothing_but_a_pass_or_a_waiver_is_ticked(status: Status) -> None:
    assert "- [ ] Disk" in tick(TEXT, [result("disk", status)])


def test_a_ticked_checklist_is_still_that_checklist() -> None:
    before, after = parse(TEXT, Path("c")), parse(tick(TEXT, RESULTS), Path("c"))
    assert [replace(item, line=0) for item in after.items] == [replace(item, line=0) for item in before.items]


def test_a_last_line_without_end_gets_its_quote() -> None:
    assert tick("## prereqs\n- [ ] Told", [RESULTS[2]]).endswith("\n- [x] Told\n  > **pass** · signed by Ada at "
        "2026-11-23 01:20 UTC · by mail · 2026-11-23 01:30:05 UTC")  # fmt: skip


def test_hostile_evidence_stays_in_its_line() -> None:
    told = tick(TEXT, [result("disk", Status.FAIL, HOSTILE, HOSTILE + "x" * 1_000_000, HOSTILE)])
    (line,) = [line for line in told.splitlines() if "**fail**" in line]
    assert len(line) < 2000
    assert r"\<script\>" in line
