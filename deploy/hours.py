"""When an environment welcomes deployments: weekdays and a span of the day, in its own time zone."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from deploy.errors import ConfigError, nearest
from deploy.system import Hours

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def inside(hours: Hours, now: datetime) -> bool:
    """Whether `now` (any zone) lies within the hours; a span over midnight belongs to the day it begins on."""
    local = now.astimezone(zone(hours.zone))
    start, end = clock(hours.start), clock(hours.end)
    today, clock_now = local.weekday(), local.time()
    if start <= end:
        return today in weekdays(hours.days) and start <= clock_now < end
    return (today in weekdays(hours.days) and clock_now >= start) or (
        (today - 1) % 7 in weekdays(hours.days) and clock_now < end
    )


def text(hours: Hours) -> str:
    return f"{hours.days} {hours.start}-{hours.end} {hours.zone}"


def weekdays(days: str) -> set[int]:
    """Numbers of the weekdays in `mon-thu` or `mon,wed,fri`; a range may run over the weekend."""
    found: set[int] = set()
    for part in days.lower().split(","):
        first, _, last = part.strip().partition("-")
        begin, end = _day(first), _day(last or first)
        found |= {day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)}
    return found


def _day(word: str) -> int:
    if word not in DAYS:
        raise ConfigError(f"{word!r} is no weekday", where="hours.days", fix=nearest(word, DAYS))
    return DAYS.index(word)


def clock(value: str) -> time:
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise ConfigError(f"{value!r} is no time of day", where="hours", fix='Write it like "09:00".') from None


def zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(f"{name!r} is no time zone", where="hours.zone", fix="E.g. Europe/London.") from None
