"""The numbers among results, with the limits they must keep to, followed from one deployment or window to the next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deploy.result import Result, Status

LIMIT = re.compile(r"\b(above|below|at least|at most|equal to) (-?\d[\d_,]*(?:\.\d+)?)(?!\S*\d)")
NUMBER = re.compile(r"-?\d[\d_,]*(?:\.\d+)?(?!\S*\d)")  # no version, no id, no time
JUDGED = frozenset({Status.PASS, Status.FAIL, Status.WAIVED})


@dataclass(frozen=True)
class Point:
    """A number as it was found at one moment (`before`, `deployed`, `24h`), and whether it was let pass."""

    label: str
    value: float
    status: Status


@dataclass(frozen=True)
class Number:
    """One item's number: its limits as (word, value), and its points, the earliest first."""

    item: str
    title: str
    host: str
    expected: str
    limits: tuple[tuple[str, float], ...]
    points: tuple[Point, ...]

    @property
    def last(self) -> Point:
        return self.points[-1]

    @property
    def moves(self) -> bool:
        """Whether there is anything to draw: none of 0 at most has no picture."""
        return len({*(point.value for point in self.points), *(limit for _, limit in self.limits)}) > 1


Key = tuple[str, str]


def numbers(moments: Sequence[tuple[str, Iterable[Result]]]) -> list[Number]:
    """The numbers of the results of each moment (label, results), in their order; those of the last ones count most."""
    points: dict[Key, list[Point]] = {}
    newest: dict[Key, Result] = {}
    for label, results in moments:
        for result in results:
            value = value_of(result)
            if value is not None:
                key = (result.item, result.host)
                points.setdefault(key, []).append(Point(label, value, result.status))
                newest[key] = result
    return [
        Number(item, one.title, one.host, one.expected, limits(one.expected), tuple(points[item, host]))
        for (item, host), one in newest.items()
    ]


def value_of(result: Result) -> float | None:
    """The number that was found, where one was expected to keep to a limit."""
    words = limits(result.expected)
    if result.status not in JUDGED or not words:
        return None
    found = NUMBER.match(result.found.strip())
    return read(found[0]) if found else None


def limits(expected: str) -> tuple[tuple[str, float], ...]:
    """`at least 1 and at most 10` as ((at least, 1), (at most, 10))."""
    return tuple((found[1], read(found[2])) for found in LIMIT.finditer(expected))


def read(text: str) -> float:
    return float(text.replace(",", "").replace("_", ""))


def short(value: float) -> str:
    """A number for people: whole ones with thousands apart, fractions with four digits that count."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
