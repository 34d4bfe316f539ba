"""Figures: pairs of times taken one after the other, their ratios, and how they are printed.

The speed of a machine drifts from one minute to the next. So ours and bare take turns, a ratio is made within each
pair, and the median of those ratios is what an aim is held against; seconds are shown for orientation only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

HEADINGS = ("", "ours", "bare", "ours / bare", "aim", "")


@dataclass(frozen=True)
class Pair:
    """Seconds of ours and of the bare work, taken one directly after the other."""

    ours: float
    bare: float

    @property
    def ratio(self) -> float:
        return self.ours / self.bare


@dataclass(frozen=True)
class Spread:
    """The median of several numbers, with the smallest and the largest."""

    middle: float
    low: float
    high: float

    def text(self, unit: str) -> str:
        low, high = f"{self.low:.3f}", f"{self.high:.3f}"
        return f"{self.middle:.3f} {unit} ({low} to {high})"


def spread(numbers: Sequence[float]) -> Spread:
    return Spread(median(numbers), min(numbers), max(numbers))


@dataclass(frozen=True)
class Figure:
    """One comparison. `aim` is the largest ratio aimed at (None: shown without one); `how` tells what was timed.

    `parts` are further seconds of the same runs, by name, one for each run.
    """

    name: str
    how: str
    pairs: Sequence[Pair]
    aim: float | None = None
    parts: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def ratio(self) -> Spread:
        return spread([pair.ratio for pair in self.pairs])

    @property
    def ours(self) -> Spread:
        return spread([pair.ours for pair in self.pairs])

    @property
    def bare(self) -> Spread:
        return spread([pair.bare for pair in self.pairs])

    @property
    def verdict(self) -> str:
        """In words, whether the aim is held; empty without one."""
        if self.aim is None:
            return ""
        return "held" if self.ratio.middle <= self.aim else "MISSED"


def text(figures: Sequence[Figure]) -> str:
    """The figures as a table, then for each how it was taken and what it is made of."""
    rows = [HEADINGS, *(_row(figure) for figure in figures)]
    return "\n".join([*columns(rows), "", *(line for figure in figures for line in _told(figure))])


def _row(figure: Figure) -> tuple[str, ...]:
    aim = "" if figure.aim is None else f"{figure.aim:.2f} x"
    return (figure.name, figure.ours.text("s"), figure.bare.text("s"), figure.ratio.text("x"), aim, figure.verdict)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _told(figure: Figure) -> list[str]:
    parts = [(f"    {name}", spread(seconds).text("s")) for name, seconds in figure.parts.items()]
    return [f"{figure.name}, {len(figure.pairs)} pairs: {figure.how}", *(columns(parts) if parts else []), ""]


def as_json(figures: Sequence[Figure], about: Mapping[str, str]) -> str:
    """Everything that was measured, run by run, in seconds."""
    return json.dumps({"about": dict(about), "figures": [_data(figure) for figure in figures]}, indent=2)


def _data(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "how": figure.how,
        "aim": figure.aim,
        "held": None if figure.aim is None else figure.verdict == "held",
        "ratio": vars(figure.ratio),
        "ours": [pair.ours for pair in figure.pairs],
        "bare": [pair.bare for pair in figure.pairs],
        "ratios": [pair.ratio for pair in figure.pairs],
        "parts": {name: list(seconds) for name, seconds in figure.parts.items()},
    }
