"""Reading answers: lines of tab-separated words, and tables for people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from deploy.probes.bounds import shown
from deploy.question import Output
from deploy.result import Verdict, failed, passed, unknown

WIDEST = 60


def words(output: Output) -> list[list[str]]:
    """The words of each line, split at tabs."""
    return [line.split("\t") for line in output.out.splitlines() if line]


def every(
    expected: str, found: Sequence[Sequence[str]], good: Collection[str], unclear: Collection[str] = ()
) -> Verdict:
    """Judge lines of (state, name, …): all states are good, or some are bad (a fail), or some are unclear."""
    if not found:
        return unknown(expected, "nothing was answered")
    evidence = "\n".join(": ".join([*reversed(line[:2]), *line[2:]]) for line in found)
    bad = [line for line in found if line[0] not in good and line[0] not in unclear]
    vague = [line for line in found if line[0] in unclear]
    if bad:
        return failed(expected, _list(bad), evidence)
    if vague:
        return unknown(expected, _list(vague), evidence)
    return passed(expected, f"all {len(found)}" if len(found) > 1 else found[0][0], evidence)


def _list(lines: Sequence[Sequence[str]]) -> str:
    shown_lines = [f"{line[1] if len(line) > 1 else '?'}: {line[0]}" for line in lines[:3]]
    return ", ".join([*shown_lines, *([f"{len(lines) - 3} more"] if len(lines) > 3 else [])])


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as aligned text under their columns; long cells are cut."""
    cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(line[index]) for line in cells if index < len(line)) for index in range(len(cells[0]))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _cell(value: object) -> str:
    text = " ".join(shown(value).split())
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
