"""Long lists in batches, each of which may fail without the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Outcome:
    """What the batches returned, and how many items were in batches that failed, with their errors."""

    results: list = field(default_factory=list)
    failed: int = 0
    errors: list[str] = field(default_factory=list)


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, `size` at a time; the last batch may be shorter."""
    if size < 1:
        raise ValueError("a batch holds at least one item")
    for start in range(0, len(items), size):
        yield items[start : start + size]


def process(items: Sequence[T], size: int, work: Callable[[Sequence[T]], R], failures: tuple = (Exception,)) -> Outcome:
    """`work` done for each batch; `failures` are the exceptions that end one batch only."""
    outcome = Outcome()
    for batch in batches(items, size):
        try:
            outcome.results.append(work(batch))
        except failures as error:
            outcome.failed += len(batch)
            outcome.errors.append(f"{type(error).__name__}: {error}".strip())
    return outcome
