"""Results in the format that was asked for."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console

from deploy.errors import ConfigError, nearest
from deploy.reports import json, junit
from deploy.reports.console import show_outcome, show_phase
from deploy.result import Result

FORMATS = ("text", "json", "junit")


def known(format: str) -> None:
    """Refuse a format that nobody prints, before anything is asked."""
    if format not in FORMATS:
        raise ConfigError(f"no format {format!r}", where="--format", fix=nearest(format, FORMATS))


def results(
    phases: Sequence[tuple[str, Sequence[Result], float]],
    format: str,
    *,
    about: Mapping[str, str],
    signoffs_hold: bool,
    failed: bool = False,
) -> str:
    """Phases (name, results, seconds) as text, JSON or JUnit XML; as text, validations end with what they come to."""
    found = [result for _, results, _ in phases for result in results]
    if format == "json":
        return json.report(found, about, signoffs_hold=signoffs_hold, failed=failed)
    if format == "junit":
        return junit.report(found, " ".join(about.values()), signoffs_hold=signoffs_hold)
    return as_text(phases, signoffs_hold=signoffs_hold, failed=failed)


def as_text(phases: Sequence[tuple[str, Sequence[Result], float]], *, signoffs_hold: bool, failed: bool = False) -> str:
    buffer, terminal = io.StringIO(), sys.stdout.isatty()
    screen = Console(file=buffer, force_terminal=terminal, no_color=bool(os.environ.get("NO_COLOR")), highlight=False)
    for name, found, took in phases:
        show_phase(screen, name, found, took)
    if validates(name for name, _, _ in phases):
        show_outcome(
            screen, [one for _, found, _ in phases for one in found], signoffs_hold=signoffs_hold, failed=failed
        )
    return buffer.getvalue()


def validates(phases: Iterable[str]) -> bool:
    """Whether phases say enough for a verdict on the whole."""
    return any(name.startswith("validate") for name in phases)
