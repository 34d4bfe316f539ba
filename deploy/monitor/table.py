"""The monitor at a terminal: one table that is always as of now; in a pipe, lines that can be searched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy import plain
from deploy.monitor.changes import key_of
from deploy.monitor.loop import Round, summary
from deploy.reports.console import ICONS
from deploy.result import Result, Status

OPEN = (Status.FAIL, Status.UNKNOWN)


class Board:
    """Shows round after round; knows since when each item has had its status while it looks."""

    def __init__(self, console: Console, title: str) -> None:
        self.console, self.title = console, title
        self.since: dict[str, tuple[Status, datetime]] = {}
        self.live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Board:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.stop()

    def show(self, now: datetime, results: Sequence[Result], told: Round | None) -> None:
        self._note(now, results)
        if self.live:
            self.live.update(self._table(now, results, told), refresh=True)
            return
        for line in self._lines(now, results, told):
            self.console.print(Text(line), soft_wrap=True)

    def _note(self, now: datetime, results: Sequence[Result]) -> None:
        for result in results:
            known = self.since.get(key_of(result))
            if known is None or known[0] is not result.status:
                self.since[key_of(result)] = (result.status, now)

    def _table(self, now: datetime, results: Sequence[Result], told: Round | None) -> Table:
        footer = " · ".join([summary(results), *_news(told)])
        table = Table(title=f"{self.title}  {now:%H:%M:%S} UTC", caption=footer, title_justify="left", expand=True)
        for heading in ("", "item", "severity", "found", "expected", "since"):
            table.add_column(heading, overflow="fold")
        for result in results:
            fancy, simple, style = ICONS[result.status]
            icon = Text(fancy if self.console.encoding.startswith("utf") else simple, style)
            since = self.since[key_of(result)][1]
            texts = (_name(result), result.severity, result.found, result.expected, f"{since:%H:%M:%S}")
            table.add_row(icon, *(Text(plain.line(text), "" if result.status in OPEN else "dim") for text in texts))
        return table

    def _lines(self, now: datetime, results: Sequence[Result], told: Round | None) -> list[str]:
        stamp = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        lines = [f"{stamp} {self.title}: {summary(results)}"]
        lines += [
            f"{stamp} {r.status} {r.severity} {plain.line(_name(r))}: found {plain.line(r.found) or 'nothing'}, "
            f"expected {plain.line(r.expected)}"
            for r in results
            if r.status in OPEN
        ]
        return [*lines, *(f"{stamp} {line}" for line in _news(told))]


def _news(told: Round | None) -> list[str]:
    if told is None:
        return []
    return [*(f"told {identity}" for identity in told.told), *(plain.line(text) for text in told.troubles)]


def _name(result: Result) -> str:
    return result.title + (f" @{result.host}" if result.host not in ("", "localhost") else "")
