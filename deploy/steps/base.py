"""A step is one change: planned, done, asked whether it is already so, and undone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from deploy.command import Command

if TYPE_CHECKING:
    from deploy.deployment import Deployment

Facts = Mapping[str, Any]
STEPS: dict[str, type[Step]] = {}


class Progress(Protocol):
    """Where a step tells people what it is at; `total` is None while nobody knows it."""

    def say(self, text: str) -> None: ...
    def count(self, done: int, total: int | None, what: str) -> None: ...


class Step:
    """One change to a target.

    `plan` returns what will be done as data; `done` asks the target, not the journal, whether it is already so; `do`
    makes it so and returns JSON-ready facts for the journal; `undo` takes it back, given those facts (empty when the
    step was cut off before it could return any), and must itself be repeatable. Each may raise StepFailed.
    `touches` tells whether it changes what is in production: a failure before the first such step needs no rollback
    of production. A step `each` is done on every host of the role `app`, by an object of its own for each host; any
    other is one-time work, done once, on the first host.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    touches: ClassVar[bool] = True
    each: ClassVar[bool] = False

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.name:
            STEPS[cls.name] = cls

    def plan(self) -> list[Command]:
        raise NotImplementedError

    def before(self) -> Facts:
        """What must be remembered of the target before it is changed; journaled with the intent, kept over a crash."""
        return {}

    def done(self) -> bool:
        raise NotImplementedError

    def do(self, progress: Progress) -> Facts:
        raise NotImplementedError

    def found(self) -> Facts:
        """What the target tells of what this step did, for a rollback after a crash that left no facts."""
        return {}

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        raise NotImplementedError

    def undo_plan(self) -> list[Command]:
        """What `undo` would do, as data, for `rollback.plan`."""
        raise NotImplementedError

    def settle(self) -> Facts:
        """Tidy up after the whole deployment succeeded (drop scratch databases, prune old releases)."""
        return {}
