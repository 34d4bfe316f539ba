"""Results in the format that was asked for."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

from deploy.errors import ConfigError, nearest
from deploy.reports import json, junit
from deploy.reports.console import show_phase
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
) -> str:
    """Phases (name, results, seconds) as text, JSON or JUnit XML."""
    found = [result for _, results, _ in phases for result in results]
    if format == "json":
        return json.report(found, about, signoffs_hold=signoffs_hold)
    if format == "junit":
        return junit.report(found, " ".join(about.values()), signoffs_hold=signoffs_hold)
    return "".join(as_text(name, results, took) for name, results, took in phases)


def as_text(phase: str, found: Sequence[Result], took: float) -> str:
    buffer, terminal = io.StringIO(), sys.stdout.isatty()
    screen = Console(file=buffer, force_terminal=terminal, no_color=bool(os.environ.get("NO_COLOR")), highlight=False)
    show_phase(screen, phase, found, took)
    return buffer.getvalue()
