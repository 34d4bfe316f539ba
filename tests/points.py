"""Which of many equal cases are tried today: the others have their turn on other days, or all of them on request."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


def todays(cases: Sequence[T], count: int) -> Sequence[T]:
    """`count` of the cases, spread over all of them and moving on by one each day; all with KILL_POINTS=all."""
    if os.environ.get("KILL_POINTS") == "all" or len(cases) <= count:
        return cases
    stride, day = len(cases) // count, datetime.now(UTC).toordinal()
    return [cases[(day + number * stride) % len(cases)] for number in range(count)]
