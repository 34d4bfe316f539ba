"""The hosts of an environment as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEAD = ("host", "roles", "round trip", "os", "python", "clock")


def text(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a host; one that cannot be reached says why, and below it what to do."""
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[place]) for line in cells if len(line) > place + 1) for place in range(len(HEAD) - 1)]
    lines = []
    for line, fix in zip(cells, ["", *(row.get("fix") or "" for row in rows)], strict=True):
        padded = [cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False)]
        lines += ["  ".join([*padded, line[-1]]).rstrip(), *(f"    {one}" for one in fix.splitlines())]
    return "\n".join(lines) + "\n"


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    named = (row["host"], ", ".join(row["roles"]) or "-")
    if not row["reachable"]:
        return (*named, f"UNREACHABLE  {row['why']}")
    clock = "?" if row["skew"] is None else f"{row['skew']:+.2f} s (±{row['within']:.2f})"
    return (*named, f"{row['round_trip_ms']:g} ms", row["os"] or "?", row["python"] or "none", clock)
