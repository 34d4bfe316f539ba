"""Seconds per extraction by hour, from the engine's JSON log: `durations.py LOG [HOURS]`.

With a number of hours, of the newest ones that have durations, looked for in the end of a large log. Fed on standard
input to the release's own Python. Exits 2 when the log says nothing about durations.
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

END = 32_000_000  # bytes of a log in which the newest hours are looked for


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
    path, newest = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    found: dict[str, array[float]] = {}
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as log:  # line by line, for it may be larger than memory
            log.seek(max(0, path.stat().st_size - END) if newest else 0)
            found = by_hour(log)
    hours = dict(sorted(found.items())[-newest:])
    if not hours:
        print(f"not seen: {path} has no durations")
        return 2
    for hour, seconds in hours.items():
        median, worst = statistics.median(seconds), max(seconds)
        print(f"{hour}h: {len(seconds)} records, median {median:.3f} s, longest {worst:.3f} s")
    print(f"median of all: {statistics.median(s for group in hours.values() for s in group):.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
