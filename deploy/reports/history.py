"""The deployments of an environment for people: a table, and their durations as a line of blocks."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from deploy import plain
from deploy.reports.charts import sparkline

COLOURS = {"succeeded": "green", "rolled back": "red", "stopped": "yellow", "open": "magenta"}
DRAWN = 40  # deployments in the line of durations

Rows = Sequence[Mapping[str, Any]]


def text(rows: Rows, terminal: bool) -> str:
    """The deployments, newest first: a table at a terminal, plain lines in a pipe."""
    return (_table(rows) if terminal else _lines(rows)) + "\n\n" + durations(rows) + "\n"


def durations(rows: Rows) -> str:
    """`took  ▃▂▇  15 to 40 s, the latest 40 s`, the oldest deployment first."""
    seconds = [float(row["seconds"]) for row in reversed(rows[:DRAWN])]
    told = f"{min(seconds):.1f} to {max(seconds):.1f} s, the latest {seconds[-1]:.1f} s"
    return f"took  {sparkline(seconds)}  {told}"


def _lines(rows: Rows) -> str:
    lines = [f"{'deployment':<22} {'outcome':<12} {'release':<13} {'ref':<28} {'took':>9}  by"]
    for r in rows:
        where = f"{r['deployment']:<22} {r['outcome']:<12} {r['release']:<13} {r['ref']:<28}"
        lines.append(f"{where} {r['seconds']:>7.1f} s  {r['by']}")
    return "\n".join(lines)


def _table(rows: Rows) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("deployment", "outcome", "release"):
        table.add_column(name, no_wrap=True)
    table.add_column("ref", overflow="fold")
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("by", overflow="fold")
    for r in rows:
        cells = [Text(plain.line(str(r[key]))) for key in ("deployment", "outcome", "release", "ref")]
        cells[1].stylize(COLOURS.get(str(r["outcome"]), ""))
        table.add_row(*cells, f"{r['seconds']:.1f} s", Text(plain.line(str(r["by"]))))
    console = Console(file=io.StringIO(), force_terminal=True, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip("\n")
