"""Spans of time in which something ran, and how much of a whole they cover."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """What ran from `start` to `end`, in seconds of one clock."""

    kind: str
    start: float
    end: float


def covered(spans: Iterable[Span]) -> float:
    """The seconds in which at least one of them ran: what runs at the same time counts once."""
    total, reached = 0.0, float("-inf")
    for span in sorted(spans, key=lambda span: span.start):
        total += max(0.0, span.end - max(span.start, reached))
        reached = max(reached, span.end)
    return total


def of(spans: Iterable[Span], *kinds: str) -> list[Span]:
    return [span for span in spans if span.kind in kinds]
