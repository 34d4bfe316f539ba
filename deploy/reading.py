"""Reports of deployments that were, for who wants to read them: the page of one, two of them side by side."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

from deploy.record import build, find, folder_of, known
from deploy.reports.compare import Comparison
from deploy.session import Session


def page(session: Session, identity: str) -> Path:
    """The report of a deployment as a page; written first where it is not there."""
    journal = find(session, identity)
    path = folder_of(session, journal.id) / "report.html"
    if not path.exists():
        build(session, journal.id)
    return path


def show(path: Path) -> str:
    """Open a page in the browser of the person at this terminal; what was done, or could not be, in one line."""
    screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.stdout.isatty() and screen and webbrowser.open(path.as_uri()):
        return f"Opened {path}"
    return str(path)


def comparison(session: Session, a: str, b: str) -> Comparison:
    """Two deployments, by their ids."""
    return Comparison(known(session, a), known(session, b))
