"""Seconds per extraction by hour, from the engine's JSON log: `durations.py LOG`. For a person to judge the trend.

Fed on standard input to the release's own Python. Exits 2 when the log says nothing about durations.
"""
# ruff: noqa: T201 - what it prints is its answer

from __future__ import annotations

import json
import statistics
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path


def by_hour(lines: Iterable[str]) -> dict[str, array[float]]:
    """The durations in a log, by hour; lines that are no JSON objects are another item's business."""
    found: dict[str, array[float]] = defaultdict(lambda: array("d"))
    for line in lines:
        if '"duration_seconds"' not in line:
            continue
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and isinstance(event.get("duration_seconds"), int | float):
            found[str(event.get("timestamp"))[:13]].append(float(event["duration_seconds"]))
    return found


def main() -> int:
    path = Path(sys.argv[1])
    if path.exists():
        with path.open(encoding="utf-8") as log:  # line by line, for it may be larger than memory
            hours = by_hour(log)
    else:
        hours = {}
    if not hours:
        print(f"not seen: {path} has no durations")
        return 2
    for hour, seconds in sorted(hours.items()):
        median, worst = statistics.median(seconds), max(seconds)
        print(f"{hour}h: {len(seconds)} records, median {median:.3f} s, longest {worst:.3f} s")
    print(f"median of all: {statistics.median(s for group in hours.values() for s in group):.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
