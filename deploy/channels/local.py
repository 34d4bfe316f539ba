"""Tools of this installation, run where the toolkit itself runs: readers of text that never touch a host."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from deploy.command import Completed
from deploy.errors import ConfigError, StepFailed


def tool(name: str) -> str:
    """The path of a tool that came with the toolkit, else of one on PATH; ConfigError when there is none."""
    own = Path(sys.executable).parent / name
    found = str(own) if own.is_file() else shutil.which(name)
    if not found:
        raise ConfigError(f"{name} is missing", where=name, fix="Install the toolkit with all that it depends on.")
    return found


def run_tool(name: str, arguments: tuple[str, ...], text: str, timeout: float = 60.0) -> Completed:
    """Run a tool with `text` on its standard input. StepFailed when it does not end in time."""
    started = time.monotonic()
    try:
        done = subprocess.run(
            [tool(name), *arguments], input=text.encode(), capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise StepFailed(f"{name}: no answer within {timeout:g} s") from None
    took = time.monotonic() - started
    return Completed(done.returncode, done.stdout.decode(), done.stderr.decode(errors="replace"), took)
