"""What a person sees at the terminal: a line a phase, what does not hold beneath it, a live line for what runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from deploy import plain
from deploy.reports.grouped import answers, outcome, where
from deploy.reports.lines import Variant
from deploy.result import OPEN, Readiness, Result, Status, closing

ICONS = {
    Status.PASS: ("✓", "+", "green"),
    Status.FAIL: ("✗", "x", "red"),
    Status.UNKNOWN: ("?", "?", "magenta"),
    Status.PENDING: ("…", ".", "yellow"),
    Status.WAIVED: ("~", "~", "cyan"),
    Status.SKIPPED: ("-", "-", "dim"),
}
COLOURS = {Readiness.READY: "green", Readiness.NEEDS_FIXES: "yellow", Readiness.BLOCKED: "red"}
WORDS = {Status.PASS: "passed", Status.FAIL: "failed"}


def show_phase(console: Console, name: str, results: Sequence[Result], took: float) -> None:
    """Print one phase: its line (`took` is in seconds), then what is open or waived; what passed is only counted.

    What awaits a signature is one line: its evidence is shown to who signs, and stands in the report.
    """
    _show(console, 0, _heading(console, name, results, took))
    for variant in answers(results):
        result = variant.result
        if result.status is Status.PENDING:
            _show(console, 2, _title(console, variant).append(", awaits a signature", "dim"))
        elif result.status in OPEN:
            _show_open(console, variant)
        elif result.status is Status.WAIVED:
            by = "".join(plain.lines(result.evidence)[:1])
            _show(
                console, 2, Text.assemble(_icon(console, Status.WAIVED), f" {plain.line(result.title)}: waived by {by}")
            )


def show_outcome(
    console: Console, results: Sequence[Result], *, signoffs_hold: bool = True, failed: bool = False
) -> None:
    """Print what all results come to: ready, needs fixes or blocked, with a note for each item in the way."""
    found = outcome(results, signoffs_hold=signoffs_hold, failed=failed)
    _show(console, 0, Text.assemble(("status         ", "bold"), " ", (found.status, COLOURS[found.status])))
    for note in found.notes:
        _show(console, 2, Text(f"- {note}", "dim"))


def _heading(console: Console, name: str, results: Sequence[Result], took: float) -> Text:
    counts = Counter(result.status for result in results)
    told = [f"{counts[status]} {WORDS.get(status, status)}" for status in Status if counts[status]]
    text = Text.assemble(_icon(console, _standing(results)), " ", (f"{name:<14}", "bold"), " ")
    text.append(", ".join(told) or "no checks")
    return text.append(f"  {took:.1f} s", "dim")


def _standing(results: Sequence[Result]) -> Status:
    """How a phase stands as a whole: the worst that closes the gate, else pass; skipped when nothing was checked."""
    held = {result.status for result in closing(results)}
    worst = next((status for status in (Status.FAIL, Status.UNKNOWN, Status.PENDING) if status in held), None)
    checked = any(result.status is not Status.SKIPPED for result in results)
    return worst or (Status.PASS if checked else Status.SKIPPED)


def _show_open(console: Console, variant: Variant) -> None:
    result = variant.result
    _show(console, 2, _title(console, variant))
    for label, text in (("expected", result.expected), ("found", result.found)):
        if text:
            _show(console, 6, Text.assemble((f"{label:<9}", "dim"), plain.line(text, 500)))
    for row in plain.lines(result.evidence):
        _show(console, 6, Text(f"| {row}", "dim"))
    if result.action:
        _show(console, 6, Text.assemble(("do       ", "bold"), plain.line(result.action, 500)))


def _title(console: Console, variant: Variant) -> Text:
    result, place = variant.result, where(variant)
    at = f" @{place}" if place else ""
    title = Text.assemble(_icon(console, result.status), " ", (plain.line(result.title), "bold"), at)
    return title.append(f"  {result.severity}", "dim")


def _icon(console: Console, status: Status) -> Text:
    fancy, simple, style = ICONS[status]
    return Text(fancy if console.encoding.startswith("utf") else simple, style)


def _show(console: Console, indent: int, text: Text) -> None:
    """One row: folded below its indentation at a terminal, whole in a pipe, where somebody may grep it."""
    text.plain = text.plain.encode(console.encoding, "replace").decode(console.encoding)
    if console.is_terminal:
        console.print(Padding(text, (0, 0, 0, indent), expand=False), overflow="fold", emoji=False)
    else:
        console.print(Text(" " * indent).append_text(text), soft_wrap=True)


class Live:
    """What a step is at: a moving line at a terminal, plain lines now and then in a pipe.

    It is the `Progress` that steps are given. In a pipe, counts are printed every `every` seconds at most, and at the
    end; `clock` tells seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic, every: float = 10.0) -> None:
        self._console, self._clock, self._every = console, clock, every
        self._said, self._counted, self._counted_at = "", "", float("-inf")
        texts = (TextColumn("{task.description}", markup=False), TextColumn("{task.fields[counted]}", markup=False))
        self._progress = Progress(
            SpinnerColumn(), texts[0], BarColumn(20), texts[1], TimeElapsedColumn(), console=console, transient=True
        )
        self._task = self._progress.add_task("", total=None, counted="")

    def __enter__(self) -> Live:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def say(self, text: str) -> None:
        """Tell what is being done now; it begins a new count."""
        text = plain.line(text, 120)
        if self._console.is_terminal:
            self._progress.reset(self._task, total=None, description=text, counted="")
        elif text != self._said:
            _show(self._console, 2, Text(text, "dim"))
        self._said, self._counted, self._counted_at = text, "", float("-inf")

    def count(self, done: int, total: int | None, what: str) -> None:
        """Tell how far it is: so many of so many, or of nobody knows how many."""
        told = f"{done} of {total} {plain.line(what, 40)}" if total is not None else f"{done} {plain.line(what, 40)}"
        if self._console.is_terminal:
            self._progress.update(self._task, completed=done, total=total, counted=told)
        elif told != self._counted and (done == total or self._clock() - self._counted_at >= self._every):
            _show(self._console, 4, Text(told, "dim"))
            self._counted, self._counted_at = told, self._clock()
