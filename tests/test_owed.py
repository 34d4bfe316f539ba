"""Windows as a journal tells of them: when each is over, and what makes one done."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy import hours
from deploy.checklists.checklist import Checklist, parse
from deploy.enough import partial, rough
from deploy.errors import ConfigError
from deploy.journal import Journal
from deploy.owed import results, signed_off, windows
from deploy.result import Result, Severity, Status
from deploy.system import Hours

CHECKLIST = """\
## validate.post

- [ ] The rate
  ```yaml
  id: rate
  probe: sql.value
  due: 24h
  sql: select 1
  above: 0
  ```
- [ ] The record is signed
  ```yaml
  id: record
  due: 24h
  signoff: true
  ```
- [ ] The week
  ```yaml
  id: week
  severity: info
  due: 7d
  signoff: true
  ```
"""
START = datetime(2026, 3, 28, 10, tzinfo=UTC)  # London goes to summer time in the night after
LONDON = Hours.model_validate({"days": "mon-fri", "from": "09:00", "to": "16:00", "zone": "Europe/London"})


def checklist(text: str = CHECKLIST) -> Checklist:
    return parse(text, Path("/nonexistent/checklist.md"))


def row(item: str, status: Status) -> dict[str, Any]:
    return {**asdict(Result(item, item, "validate.post", Severity.CRITICAL, status)), "asked_at": START.isoformat()}


def journal(*more: tuple[str, timedelta, dict[str, Any]]) -> Journal:
    made = Journal(Path("/nonexistent/a.jsonl"))
    opened = ("opened", timedelta(minutes=-1), {"phases": ["load", "validate.post"]})
    for kind, after, fields in (opened, ("closed", timedelta(), {"outcome": "succeeded"}), *more):
        made.records.append({"kind": kind, "at": (START + after).isoformat(), **fields})
    return made


def judged(after: timedelta, window: str = "24h", **statuses: Status) -> tuple[str, timedelta, dict[str, Any]]:
    rows = [row(item, status) for item, status in statuses.items()]
    fields = {"phase": "validate.post", "window": window, "passed": int(after.total_seconds()), "results": rows}
    return ("checked", after, fields)


def states(made: Journal, after: timedelta, *, holds: bool = True) -> list[str]:
    return [each.state for each in windows(made, checklist(), holds=holds, now=START + after)]


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (timedelta(hours=23), ["waiting", "waiting"]),
        (timedelta(hours=24), ["due", "waiting"]),
        (timedelta(hours=48), ["overdue", "waiting"]),
        (timedelta(days=7, hours=1), ["overdue", "due"]),
        (timedelta(days=8), ["overdue", "overdue"]),
    ],
)
def test_a_window_is_waited_for_due_and_overdue(after: timedelta, told: list[str]) -> None:
    assert states(journal(), after) == told


def test_only_a_window_that_passed_and_holds_is_done() -> None:
    late = timedelta(hours=30)
    assert states(journal(judged(timedelta(hours=6), rate=Status.PASS)), late) == ["due", "waiting"]
    assert states(journal(judged(late, rate=Status.FAIL)), late) == ["failed", "waiting"]
    both = judged(late, rate=Status.PASS, record=Status.PENDING)
    assert states(journal(both), late) == ["failed", "waiting"]
    assert states(journal(both), late, holds=False) == ["done", "waiting"]
    signed = ("signed", late, {"item": "record", "by": "Ada B.", "note": ""})
    assert states(journal(both, signed), late) == ["done", "waiting"]
    assert {each.item: each.status for each in results(journal(both, signed))} == {"rate": "pass", "record": "pass"}


def test_a_longer_window_settles_the_shorter_ones_and_the_last_one_signs_off() -> None:
    week = timedelta(days=7)
    made = journal(judged(week, "7d", rate=Status.PASS, record=Status.PASS, week=Status.PASS))
    found = windows(made, checklist(), holds=True, now=START + week)
    assert [each.state for each in found] == ["done", "done"]
    assert signed_off(found) == START + week
    assert signed_off(found[:0]) is None


def test_a_deployment_that_was_taken_back_owes_nothing() -> None:
    assert states(journal(("rollback.started", timedelta(hours=1), {})), timedelta(hours=2)) == []


def test_a_day_is_24_hours_in_the_night_that_has_23() -> None:
    (day, *_) = windows(journal(), checklist(), holds=True, now=START)
    assert day.due - START == timedelta(hours=24)
    assert (hours.clock(LONDON, START), hours.clock(LONDON, day.due)) == (
        "2026-03-28 10:00 GMT",
        "2026-03-29 11:00 BST",
    )
    assert hours.clock(None, day.due) == "2026-03-29 10:00 UTC"


def test_results_without_their_whole_window_are_unknown_and_still_told() -> None:
    items = checklist().items
    found = [Result(each.id, each.title, each.phase, each.severity, Status.PASS, found="0.9") for each in items]
    rate, record, _ = partial(found, items, timedelta(hours=6))
    assert (rate.status, rate.found) == (Status.UNKNOWN, "6h of 24h have passed; so far pass: 0.9")
    assert record.status is Status.PASS  # a signature says for itself what it is worth
    assert partial(found, items, timedelta(hours=24))[0].status is Status.PASS


def test_enough_is_a_part_of_what_is_owed() -> None:
    assert checklist(CHECKLIST.replace("due: 24h\n  sql", "due: 24h\n  enough: 6h\n  sql")).items[0].enough == "6h"
    for wrong in ("enough: 25h\n  due: 24h\n  sql", "enough: 6h\n  sql"):
        with pytest.raises(ConfigError, match="a part of the span"):
            checklist(CHECKLIST.replace("due: 24h\n  sql", wrong))


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0s"), (-5, "0s"), (59, "59s"), (3600, "1h"), (3661, "1h 1m"), (100_000, "1d 3h")]
)
def test_spans_are_told_roughly(seconds: int, told: str) -> None:
    assert rough(timedelta(seconds=seconds)) == told
