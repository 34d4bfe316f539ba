"""Deployment hours: weekdays, spans, zones, and the nights on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deploy.hours import inside, weekdays
from deploy.system import Hours


def hours(days: str = "mon-thu", start: str = "09:00", end: str = "16:00", zone: str = "Europe/London") -> Hours:
    return Hours.model_validate({"days": days, "from": start, "to": end, "zone": zone})


@pytest.mark.parametrize(
    ("moment", "welcome"),
    [
        ("2026-11-23T08:59", False),  # a Monday; London is on UTC
        ("2026-11-23T09:00", True),
        ("2026-11-23T15:59", True),
        ("2026-11-23T16:00", False),
        ("2026-11-27T12:00", False),  # a Friday
        ("2026-07-20T08:30", True),  # a Monday in summer: 09:30 in London
    ],
)
def test_inside(moment: str, welcome: bool) -> None:
    assert inside(hours(), datetime.fromisoformat(moment).replace(tzinfo=UTC)) is welcome


def test_a_span_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    night = hours("fri", "22:00", "04:00")
    assert inside(night, datetime(2026, 11, 27, 23, tzinfo=UTC))
    assert inside(night, datetime(2026, 11, 28, 3, tzinfo=UTC))
    assert not inside(night, datetime(2026, 11, 27, 3, tzinfo=UTC))


def test_weekdays() -> None:
    assert weekdays("mon-thu") == {0, 1, 2, 3}
    assert weekdays("fri-mon") == {4, 5, 6, 0}
    assert weekdays("sat") == {5}
