"""The numbers among results, with the limits they must keep to, followed from one deployment or window to the next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deploy.result import Result, Status

LIMIT = re.compile(r"\b(above|below|at least|at most|equal to) (-?\d[\d_,]{0,29}(?:\.\d+)?)(?!\S*\d)")
NUMBER = re.compile(r"-?\d[\d_,]{0,29}(?:\.\d+)?(?!\S*\d)")  # no version, no id, no time
LONGEST = 500  # characters of a text in which a number is looked for
CELLS = re.compile(r"\s{2,}")
JUDGED = frozenset({Status.PASS, Status.FAIL, Status.WAIVED})


@dataclass(frozen=True)
class Point:
    """A number as it was found at one moment (`before`, `deployed`, `24h`), and whether it was let pass."""

    label: str
    value: float
    status: Status


@dataclass(frozen=True)
class Number:
    """One item's number: its limits as (word, value), and its points, the earliest first.

    An item that judges a number for each of several labels (sources, fields) has one for each; else `label` is empty.
    """

    item: str
    title: str
    host: str
    label: str
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


def numbers(moments: Sequence[tuple[str, Iterable[Result]]]) -> list[Number]:
    """The numbers of the results of each moment (label, results), in their order; those of the last ones count most."""
    points: dict[tuple[str, str, str], list[Point]] = {}
    newest: dict[tuple[str, str], Result] = {}
    for moment, results in moments:
        for result in results:
            for label, value, status in values(result):
                points.setdefault((result.item, result.host, label), []).append(Point(moment, value, status))
                newest[result.item, result.host] = result
    return [
        Number(item, one.title, host, label, one.expected, limits(one.expected), tuple(found))
        for (item, host, label), found in points.items()
        for one in [newest[item, host]]
    ]


def grouped(found: Iterable[Number]) -> list[list[Number]]:
    """Numbers of one item at one host together, in the order in which they first come."""
    groups: dict[tuple[str, str], list[Number]] = {}
    for number in found:
        groups.setdefault((number.item, number.host), []).append(number)
    return list(groups.values())


def values(result: Result) -> list[tuple[str, float, Status]]:
    """What was found against a limit, as (label, number, status); nothing where no number was."""
    if result.status not in JUDGED or not limits(result.expected):
        return []
    if result.expected.startswith("each "):
        return labelled(result.evidence)
    found = NUMBER.match(result.found[:LONGEST].strip())
    return [("", read(found[0]), result.status)] if found else []


def labelled(evidence: str) -> list[tuple[str, float, Status]]:
    """The rows of a table whose columns are a label, a number, whatever else, and how it was judged."""
    heading, *rows = [CELLS.split(row.strip()) for row in evidence.splitlines()] or [[]]
    if heading[-1:] != ["judged"]:
        return []
    whole = [row for row in rows if len(row) == len(heading) and row[-1] in JUDGED and NUMBER.fullmatch(row[1])]
    return [(row[0], read(row[1]), Status(row[-1])) for row in whole]


def limits(expected: str) -> tuple[tuple[str, float], ...]:
    """`at least 1 and at most 10` as ((at least, 1), (at most, 10))."""
    return tuple((found[1], read(found[2])) for found in LIMIT.finditer(expected[:LONGEST]))


def read(text: str) -> float:
    return float(text.replace(",", "").replace("_", ""))


def short(value: float) -> str:
    """A number for people: whole ones with thousands apart, fractions with four digits that count."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
