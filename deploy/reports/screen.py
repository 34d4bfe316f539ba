"""A flow at the terminal: a live line for what runs, a line a phase, and what does not hold."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rich.console import Console

from deploy.reports.console import Live, show_outcome, show_phase
from deploy.result import Result
from deploy.secret import mask


def console(aside: bool) -> Console:
    """Standard output, or error: colours where the terminal has them and NO_COLOR is not set."""
    return Console(file=sys.stderr if aside else sys.stdout, no_color=bool(os.environ.get("NO_COLOR")), highlight=False)


class Screen:
    """What people see of a flow: the view that flows are given. `aside` leaves standard output to something else.

    `phases` keeps what was shown: name, results, seconds.
    """

    def __init__(self, aside: bool = False) -> None:
        self.console = console(aside)
        self.phases: list[tuple[str, Sequence[Result], float]] = []
        self.live: Live | None = None

    def phase(self, name: str) -> None:
        """A phase begins: its live line is there until its checks are shown."""
        self.pause()
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

    def checking(self, items: int) -> None:
        """The changes of a phase are done, its items are asked; in a pipe the phase's own line tells soon enough."""
        if self.live and self.console.is_terminal:
            self.live.say(f"checking {items} items")

    def checked(self, phase: str, results: Sequence[Result], took: float) -> None:
        self.pause()
        self.phases.append((phase, results, took))
        show_phase(self.console, phase, results, took)

    def outcome(self, *, signoffs_hold: bool, failed: bool = False) -> None:
        """Tell what all that was checked comes to."""
        self.pause()
        found = [result for _, results, _ in self.phases for result in results]
        show_outcome(self.console, found, signoffs_hold=signoffs_hold, failed=failed)

    def say(self, text: str) -> None:
        self.pause()
        self.console.print(mask(text), markup=False, soft_wrap=True)

    def pause(self) -> None:
        """Take the live line away, for a person is asked something; the next step or check brings it back."""
        if self.live:
            self.live.__exit__(None, None, None)
            self.live = None
