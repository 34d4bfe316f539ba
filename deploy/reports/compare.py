"""Two deployments side by side: versions, outcome, durations, the items that changed and the numbers that moved."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy import plain
from deploy.reports.lines import Line, counts, lines, newest
from deploy.reports.markdown import DeploymentRecord
from deploy.reports.numbers import Number, numbers, short
from deploy.result import OPEN, Result, Status

Rows = Sequence[Mapping[str, Any]]
NOT_THERE = "-"


@dataclass(frozen=True)
class Comparison:
    """Two deployments; each property is the rows of a table, their keys its columns."""

    a: DeploymentRecord
    b: DeploymentRecord

    @property
    def summary(self) -> str:
        worse = [row for row in self.items if row["Change"] == "worse"]
        better = [row for row in self.items if row["Change"] == "better"]
        return f"{len(worse)} items changed for the worse, {len(better)} for the better"

    @property
    def facts(self) -> Rows:
        told: dict[str, Callable[[DeploymentRecord], str]] = {
            "System": lambda each: each.system,
            "Environment": lambda each: each.environment,
            "Version": lambda each: each.version,
            "Version before": lambda each: each.previous or "none",
            "Outcome": lambda each: each.how,
            "By": lambda each: each.by,
            "Started": lambda each: f"{each.started:%Y-%m-%d %H:%M:%S} UTC",
            "Duration": lambda each: f"{(each.ended - each.started).total_seconds():.1f} s",
            "Migrations": lambda each: ", ".join(str(row.get("Migration")) for row in each.migrations) or "none",
        }
        return [
            {"": label, self.a.deployment: of(self.a), self.b.deployment: of(self.b), "Differs": _differs(of, self)}
            for label, of in told.items()
        ]

    @property
    def phases(self) -> Rows:
        """Seconds of each phase in both, those of the second one's flow first."""
        a, b = ({phase.title: phase.took for phase in each.phases} for each in (self.a, self.b))
        rows = []
        for name in dict.fromkeys([*b, *a]):
            change = f"{b[name] - a[name]:+.1f} s" if name in a and name in b else ""
            rows.append({"Phase": name, "Before": _seconds(a.get(name)), "After": _seconds(b.get(name)), "By": change})
        return rows

    @property
    def items(self) -> Rows:
        """Items whose status differs; those of a phase that only one of both reached are one row."""
        a, b = _lines(self.a), _lines(self.b)
        both = {phase for phase, _ in a} & {phase for phase, _ in b}
        keys = [key for key in dict.fromkeys([*b, *a]) if key[0] in both]
        alone = {phase: None for phase, _ in [*b, *a] if phase not in both}
        return [
            *(_item(key, a.get(key), b.get(key)) for key in keys if _status(a.get(key)) != _status(b.get(key))),
            *(_whole(phase, _of(phase, a), _of(phase, b)) for phase in alone),
        ]

    @property
    def numbers(self) -> Rows:
        """Numbers that both have, with what they must keep to."""
        a, b = _numbers(self.a), _numbers(self.b)
        return [_number(a[key], one) for key, one in b.items() if key in a]


def text(comparison: Comparison) -> str:
    """All of it for the terminal."""
    parts = [
        comparison.summary,
        *(
            f"{title}\n{_columns(rows)}"
            for title, rows in (
                ("Both", comparison.facts),
                ("Items that changed", [_without(row, "Title") for row in comparison.items]),
                ("Durations of the phases", comparison.phases),
                ("Numbers", [row for row in comparison.numbers if row["By"]]),
            )
            if rows
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _without(row: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


def _columns(rows: Rows) -> str:
    """Rows below their headings, in columns; long texts cut, so that a row stays a row."""
    headings = list(rows[0])
    cells = [headings, *([plain.line(str(row[each]), 44) for each in headings] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(headings))]
    out = io.StringIO()
    for row in cells:
        out.write("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    return out.getvalue().rstrip("\n")


def _differs(of: Callable[[DeploymentRecord], str], both: Comparison) -> str:
    return "yes" if of(both.a) != of(both.b) else ""


def _seconds(took: float | None) -> str:
    return NOT_THERE if took is None else f"{took:.1f} s"


def _results(record: DeploymentRecord) -> list[Result]:
    return newest(result for phase in record.phases for result in phase.results)


def _lines(record: DeploymentRecord) -> dict[tuple[str, str], Line]:
    results = _results(record)
    phases = dict.fromkeys(result.phase for result in results)
    found = [line for phase in phases for line in lines(each for each in results if each.phase == phase)]
    return {(line.first.phase, line.first.item): line for line in found}


def _numbers(record: DeploymentRecord) -> dict[tuple[str, str, str], Number]:
    return {(number.item, number.host, number.label): number for number in numbers([("", _results(record))])}


def _status(line: Line | None) -> Status | None:
    return line.status if line else None


def _of(phase: str, found: Mapping[tuple[str, str], Line]) -> list[Line]:
    return [line for (name, _), line in found.items() if name == phase]


def _item(key: tuple[str, str], one: Line | None, other: Line | None) -> dict[str, Any]:
    known = (other or one).first  # type: ignore[union-attr]
    return {
        "Phase": key[0],
        "Item": known.item,
        "Title": known.title,
        "Severity": known.severity.value,
        "Before": _told(one),
        "After": _told(other),
        "Change": _change(one, other),
    }


def _whole(phase: str, one: Sequence[Line], other: Sequence[Line]) -> dict[str, Any]:
    """A phase that only one of both reached: how many items it has, and how they stood."""
    before, after = (
        ", ".join(f"{number} {status}" for status, number in counts(line.first for line in found)) or NOT_THERE
        for found in (one, other)
    )
    change = "gone" if one else "new"
    title = "the whole phase"
    return {"Phase": phase, "Item": f"{len(one or other)} items", "Title": title, "Severity": "", "Before": before,
            "After": after, "Change": change}  # fmt: skip


def _told(line: Line | None) -> str:
    return f"{line.status}: {line.first.found}" if line else NOT_THERE


def _change(one: Line | None, other: Line | None) -> str:
    if one is None or other is None:
        return "gone" if other is None else "new"
    was_open, is_open = one.status in OPEN, other.status in OPEN
    return {(False, True): "worse", (True, False): "better"}.get((was_open, is_open), "changed")


def _number(before: Number, after: Number) -> dict[str, Any]:
    return {
        "Item": ": ".join(filter(None, [after.title, after.label])),
        "Expected": after.expected,
        "Before": short(before.last.value),
        "After": short(after.last.value),
        "By": _by(before.last.value, after.last.value),
    }


def _by(before: float, after: float) -> str:
    if before == after:
        return ""
    change = f"{'+' if after > before else ''}{short(after - before)}"
    return f"{change} ({100 * (after - before) / abs(before):+.0f} %)" if before else change
