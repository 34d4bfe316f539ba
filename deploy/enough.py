"""How much of a window must have passed before what was found says anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from deploy import duration
from deploy.checklists.item import Item
from deploy.result import Result, Status

IN_FLOW = "1h"  # items owed within it are judged before a deployment returns, too
NOTHING = timedelta()


def needed(item: Item) -> timedelta:
    """The time since a deployment that an item needs: what it says is enough, else the whole of its window.

    What a deployment judges before it returns needs none, for it would contradict itself a minute later; that it has
    too few samples yet, its probe tells.
    """
    if item.enough:
        return duration.parse(item.enough)
    if not item.due or item.probe is None:
        return NOTHING
    span = duration.parse(item.due)
    return span if span > duration.parse(IN_FLOW) else NOTHING


def partial(results: Iterable[Result], items: Sequence[Item], passed: timedelta) -> list[Result]:
    """The results, unknown where too little of the item's window has passed; what was found so far is kept."""
    lacking = {item.id: item.enough or item.due for item in items if needed(item) > passed}
    return [_unknown(each, lacking[each.item], passed) if each.item in lacking else each for each in results]


def _unknown(result: Result, wanted: str, passed: timedelta) -> Result:
    if result.status is Status.SKIPPED:
        return result
    so_far = f"so far {result.status}: {result.found}" if result.status is not Status.UNKNOWN else result.found
    return replace(result, status=Status.UNKNOWN, found=f"{rough(passed)} of {wanted} have passed; {so_far}")


def rough(span: timedelta) -> str:
    """A span for people, in its two largest units: `6h 12m`, `3d 4h`, `40s`."""
    seconds = max(0, int(span.total_seconds()))
    parts = [("d", seconds // 86400), ("h", seconds % 86400 // 3600), ("m", seconds % 3600 // 60), ("s", seconds % 60)]
    first = next((index for index, (_, count) in enumerate(parts) if count), 3)
    return " ".join(f"{count}{unit}" for unit, count in parts[first : first + 2] if count) or "0s"
