"""The environment as the application sees it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.reading import every, words
from deploy.probes.sh import quote
from deploy.question import Output, Shell
from deploy.result import Verdict
from deploy.scope import Scope

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
PLACEHOLDERS = [
    "*your_*",
    "*your-*",
    "*_here",
    "*changeme*",
    "*change_me*",
    "*change-me*",
    "*placeholder*",
    "<*>",
    "xxx*",
    "todo",
    "example",
]


class Set(Probe):
    """Every variable is set, is no placeholder, and starts as it should; no value leaves the host."""

    name: ClassVar[str] = "env.set"
    example: ClassVar[str] = "names: [DATABASE_URL]\nstarts_with: ['postgresql://', 'postgres://']"
    names: tuple[Name, ...] = Field(min_length=1)
    starts_with: tuple[str, ...] = ()

    def ask(self, scope: Scope) -> Shell:
        fakes = "|".join(_any_case(pattern) for pattern in PLACEHOLDERS)
        starts = "|".join(f"{quote(scope, start)}*" for start in self.starts_with) or "*"
        branches = f"'') is=unset ;; {fakes}) is=placeholder ;; {starts}) is=set ;; *) is='starts otherwise' ;;"
        lines = [f'case "${{{n}-}}" in {branches} esac\nprintf \'%s\\t%s\\n\' "$is" {n}' for n in self.names]
        return Shell("\n".join(lines), app=True)

    def judge(self, output: Output) -> Verdict:
        starting = f", starting with {' or '.join(self.starts_with)}" if self.starts_with else ""
        return every(f"set{starting}", words(output), {"set"})


def _any_case(pattern: str) -> str:
    """A pattern of `case` for any mixture of capitals; marks that mean something to sh are quoted."""
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else c if c == "*" else f"'{c}'" for c in pattern)
