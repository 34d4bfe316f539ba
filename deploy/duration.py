"""Spans of time as people write them: one number and one unit (`90m`, `24h`, `7d`)."""

from __future__ import annotations

import re
from datetime import timedelta

from deploy.errors import ConfigError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SPAN = re.compile(r"([0-9]{1,6})([smhdw])")  # ASCII digits only; six of them keep far from overflow


def parse(text: str) -> timedelta:
    """The span that a text names. Raises ConfigError for anything but one positive whole number and one unit."""
    match = SPAN.fullmatch(text.strip())
    if not match or int(match[1]) == 0:
        raise ConfigError(f"{text!r} is no span of time", fix="Write one number and one unit: 90m, 24h, 7d or 2w.")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def text(span: timedelta) -> str:
    """The shortest way to write a span of whole seconds in one unit: `1h`, `90m`, `7d`."""
    seconds = round(span.total_seconds())
    for unit in "dhm":
        size = int(timedelta(**{UNITS[unit]: 1}).total_seconds())
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
