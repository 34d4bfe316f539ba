"""What counts as a change of an item, and what is told about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from deploy.monitor.changes import Patience, advance, follow
from deploy.monitor.state import Kind, Standing, State, Watched
from deploy.result import Severity, Status
from tests.monitor.doubles import START, results

TWICE = Patience(2, timedelta(hours=4))
SHORT: dict[str, Standing] = {".": "ok", "x": "fail", "?": "unknown"}


def told(answers: str, patience: Patience = TWICE, step: timedelta = timedelta(minutes=1)) -> list[tuple[int, Kind]]:
    """What is told, and at which answer: `.` holds, `x` fails, `?` is unknown, one a minute."""
    watched, events = Watched(since=START, seems_since=START), []
    for index, answer in enumerate(answers):
        watched, kind = follow(watched, SHORT[answer], START + index * step, patience)
        if kind:
            events.append((index, kind))
    return events


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("......", []),
        (".x.x.x.x.x.x", []),
        (".xx..", [(2, "alert"), (4, "recovered")]),
        ("xxxxxx", [(1, "alert")]),
        ("??....", [(1, "alert"), (3, "recovered")]),
        (".x?x?x?", [(2, "alert")]),  # bad in turn in different ways is bad all the while
        ("xx??xx", [(1, "alert"), (3, "alert"), (5, "alert")]),
        ("xx.x.x.xx", [(1, "alert")]),
    ],
)
def test_changes_are_told_once_they_lasted(answers: str, expected: list[tuple[int, Kind]]) -> None:
    assert told(answers) == expected


def test_the_span_of_an_item_counts_instead_of_the_number() -> None:
    patience = Patience(2, timedelta(hours=4), lasting=timedelta(minutes=5))
    assert told(".xxxx.xxxxxxx..", patience) == [(11, "alert"), (14, "recovered")]


def test_what_still_fails_is_told_again_after_four_hours() -> None:
    assert told("x" * 600) == [(1, "alert"), (241, "reminder"), (481, "reminder")]


def test_flapping_is_told_once_and_then_how_it_ends() -> None:
    flapping = told("xx.." * 30)
    assert [kind for _, kind in flapping] == ["alert", "recovered", "alert", "recovered", "flapping"]
    calm = told("xx.." * 30 + "." * 70)
    assert calm == [*flapping, (179, "recovered")]
    assert told("xx.." * 30 + "x" * 70)[-1] == (181, "alert")


def test_slow_changes_are_no_flapping() -> None:
    answers = ("x" * 20 + "." * 20) * 5
    kinds = [kind for _, kind in told(answers)]
    assert kinds == ["alert", "recovered"] * 5
    assert all(a != b for a, b in pairwise(kinds))


def test_waived_skipped_and_pending_are_no_alerts() -> None:
    state = State()
    for _ in range(3):
        found = results(database="waived", failures="pending", queue="skipped")
        advance(state, found, START, lambda result: TWICE)
    assert not state.waiting


def test_an_open_alert_about_what_nobody_asks_any_more_is_closed_aloud() -> None:
    state = State()
    for _ in range(2):
        advance(state, results(database="fail"), START, lambda result: TWICE)
    advance(state, results()[1:], START, lambda result: TWICE)
    events = [event for waiting in state.waiting.values() for event in waiting]
    assert [(event.kind, event.item) for event in events] == [("alert", "database"), ("gone", "database")]


def test_what_could_not_be_asked_anywhere_goes_on_where_it_is_asked_again() -> None:
    state = State()
    nowhere = [replace(result, host="", status=Status.UNKNOWN) for result in results()]
    for found in (nowhere, nowhere, results(), results()):
        advance(state, found, START, lambda result: TWICE)
    events = [event for event in state.waiting[Severity.CRITICAL] if event.item == "database"]
    assert [(event.kind, event.id) for event in events] == [("alert", "database@#1"), ("recovered", "database@h#2")]
