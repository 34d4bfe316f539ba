"""Results in the format that was asked for."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

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
    found: Sequence[Result], format: str, phase: str, took: float, *, about: dict[str, str], signoffs_hold: bool
) -> str:
    """One phase's results as text, JSON or JUnit XML."""
    if format == "json":
        return json.report(found, about, signoffs_hold=signoffs_hold)
    if format == "junit":
        return junit.report(found, " ".join(about.values()))
    return as_text(found, phase, took)


def as_text(found: Sequence[Result], phase: str, took: float) -> str:
    terminal = sys.stdout.isatty()
    buffer = io.StringIO()
    screen = Console(file=buffer, force_terminal=terminal, no_color=bool(os.environ.get("NO_COLOR")), highlight=False)
    show_phase(screen, phase, found, took)
    return buffer.getvalue()
