"""Whose a process id is: ids are reused, so an id alone proves nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

PROC = Path("/proc")


def exists(pid: int) -> bool:
    """Whether the id is in use by anything at all, a zombie included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def command_line(pid: int) -> str:
    """The process's program and arguments, joined by blanks; empty when there is no such process (or a zombie)."""
    if (PROC / "self").exists():
        return _read(PROC / str(pid) / "cmdline").replace("\0", " ").strip()
    return _ps(pid, "args=")


def born(pid: int) -> str:
    """When the process started, in the system's own terms; empty when there is none that still runs."""
    if (PROC / "self").exists():
        fields = _read(PROC / str(pid) / "stat").rpartition(")")[2].split()
        return fields[19] if fields and fields[0] != "Z" else ""
    return "" if _ps(pid, "stat=").startswith("Z") else _ps(pid, "lstart=")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _ps(pid: int, column: str) -> str:
    argv = ["ps", "-o", column, "-p", str(pid)]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
