"""A flow at the terminal: a live line for what runs, a line a phase, and what does not hold."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rich.console import Console

from deploy.reports.console import Live, show_phase
from deploy.result import Result
from deploy.secret import mask


def console() -> Console:
    """Standard output: colours where the terminal has them and NO_COLOR is not set; as wide as the terminal."""
    return Console(file=sys.stdout, no_color=bool(os.environ.get("NO_COLOR")), highlight=False)


class Screen:
    """What people see of a flow. It is the view that flows are given, and the progress that their steps are given."""

    def __init__(self) -> None:
        self.console = console()
        self.live: Live | None = None

    def phase(self, name: str) -> None:
        """A phase begins: its live line is there until its checks are shown."""
        self._close()
        self.live = Live(self.console)
        self.live.__enter__()
        if self.console.is_terminal:  # in a pipe the phase's own line, printed when it is over, is enough
            self.live.say(name)

    def step(self, title: str) -> Live:
        if self.live is None:
            self.phase(title)
        assert self.live, "a phase was just begun"
        self.live.say(title)
        return self.live

    def checked(self, phase: str, results: Sequence[Result], took: float) -> None:
        self._close()
        show_phase(self.console, phase, results, took)

    def say(self, text: str) -> None:
        self._close()
        self.console.print(mask(text), markup=False, soft_wrap=True)

    def _close(self) -> None:
        if self.live:
            self.live.__exit__(None, None, None)
            self.live = None
