"""What people see of a flow while it runs; a terminal shows it, tests listen to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from deploy.result import Result
from deploy.steps.base import Progress


class View(Protocol):
    """A phase begins, its steps tell what they are at, its checks are shown; `say` is for what stands apart."""

    def phase(self, name: str) -> None: ...
    def step(self, title: str) -> Progress: ...
    def checking(self, items: int) -> None: ...
    def checked(self, phase: str, results: Sequence[Result], took: float) -> None: ...
    def say(self, text: str) -> None: ...
