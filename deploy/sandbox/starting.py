"""What a system's sandbox environment needs is started: its own stack where it has one, else the common services."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path


def start(system: str, project: Path, say: Callable[[str], None]) -> None:
    """Have the sandbox of a system ready, as its package here describes it in `stack.py`; repeatable at any time."""
    if (Path(__file__).parent / system / "stack.py").is_file():
        importlib.import_module(f"{__package__}.{system}.stack").prepare(project, say)
        return
    from deploy.sandbox import sandbox

    sandbox.start(project, say)
