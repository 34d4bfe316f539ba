"""What all results come to, in one word: whether what was checked is ready, needs fixes, or is blocked, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deploy import plain
from deploy.reports.lines import Variant, lines
from deploy.result import OPEN, Readiness, Result, Severity, Status, closing, readiness

FAILED = "the deployment did not succeed"


@dataclass(frozen=True)
class Outcome:
    """The word, and a note for each item that stands in the way of a better one, or still awaits a signature."""

    status: Readiness
    notes: tuple[str, ...] = ()


def outcome(results: Sequence[Result], *, signoffs_hold: bool = True, failed: bool = False) -> Outcome:
    """How ready what these results tell of is. Where sign-offs are only shown, a pending one is in nobody's way.

    A deployment that `failed` is blocked, whatever its checks found before that, and after its rollback.
    """
    if not results:
        return Outcome(Readiness.BLOCKED, ("nothing was checked",))
    counting = [each for each in results if signoffs_hold or each.status is not Status.PENDING]
    held = closing(counting)
    warnings = [each for each in counting if each.severity is Severity.WARNING and each.status in OPEN]
    status = readiness(results, closed=bool(held) or failed)
    return Outcome(status, ((FAILED,) if failed else ()) + _notes(held or warnings))


def answers(results: Iterable[Result]) -> list[Variant]:
    """The results with equal answers of an item's hosts taken together, so that the odd one stands out."""
    return [variant for line in lines(results) for variant in line.variants]


def where(variant: Variant) -> str:
    """`web1`, or `49 hosts`; empty on this machine alone."""
    if len(variant.hosts) > 1:
        return f"{len(variant.hosts)} hosts"
    return "" if variant.hosts[0] in ("", "localhost") else plain.line(variant.hosts[0])


def _notes(results: Sequence[Result]) -> tuple[str, ...]:
    return tuple(_note(variant) for variant in answers(results))


def _note(variant: Variant) -> str:
    result, place = variant.result, where(variant)
    told = "awaits a signature" if result.status is Status.PENDING else f"{result.status}: {plain.line(result.found)}"
    return f"{plain.line(result.title)}{f' @{place}' if place else ''}: {told.rstrip(': ')}"
