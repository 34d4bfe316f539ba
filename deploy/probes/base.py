"""A probe is a read-only question and a pure judgement of its answer."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from deploy.question import Question
from deploy.result import Verdict
from deploy.scope import Scope

PROBES: dict[str, type[Probe]] = {}


class Probe(BaseModel):
    """One question and its judgement; the fields are its parameters in a checklist.

    A subclass sets `name` (`family.noun`), `example` (YAML for its parameters), and a docstring whose first line tells
    what it proves. `ask` returns one question or several; `judge` gets one answer for each, only when all were
    answered: what could not be asked is `unknown` before `judge` is reached. `role` are the hosts that are asked where
    an item names no others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)
    name: ClassVar[str] = ""
    example: ClassVar[str] = ""
    role: ClassVar[str] = "app"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.name:
            PROBES[cls.name] = cls

    def ask(self, scope: Scope) -> Question | tuple[Question, ...]:
        raise NotImplementedError

    def judge(self, *answers: Any) -> Verdict:
        raise NotImplementedError
