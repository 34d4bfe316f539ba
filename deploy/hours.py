"""When an environment welcomes deployments: weekdays and a span of the day, in its own time zone."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from deploy.system import DAYS, Hours


def inside(hours: Hours, now: datetime) -> bool:
    """Whether `now` (any zone) lies within the hours; a span over midnight belongs to the day it begins on."""
    local = now.astimezone(ZoneInfo(hours.zone))
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    if start <= end:
        return today in weekdays(hours.days) and start <= local.time() < end
    begun_today = today in weekdays(hours.days) and local.time() >= start
    return begun_today or (yesterday in weekdays(hours.days) and local.time() < end)


def text(hours: Hours) -> str:
    return f"{hours.days} {hours.start}-{hours.end} {hours.zone}"


def clock(hours: Hours | None, at: datetime) -> str:
    """A moment as people of the environment read it: in the zone of its hours, or in UTC: `2026-03-29 02:30 BST`."""
    return f"{at.astimezone(ZoneInfo(hours.zone) if hours else UTC):%Y-%m-%d %H:%M %Z}"


def weekdays(days: str) -> set[int]:
    """Numbers of the weekdays in `mon-thu` or `sat`; a range may run over the weekend."""
    first, _, last = days.partition("-")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
