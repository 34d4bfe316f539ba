"""A command of the application, and what it prints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from pydantic import Field, model_validator

from deploy.errors import ConfigError
from deploy.probes.base import Probe
from deploy.probes.bounds import Limits, Regex
from deploy.probes.sh import quote
from deploy.question import Output, Shell
from deploy.result import Verdict, failed, judged, unknown
from deploy.scope import Scope


class Prints(Limits, Probe):
    """A command ends legally, and what it prints matches; a group `value` of the match keeps to its bounds.

    `run` is an argv; or `script` a file of the system's folder that `with` reads from standard input. `exits` are
    legal, `fails` are those by which the command says no; any other is no answer. Bounds without a group judge all of
    the output.
    """

    name: ClassVar[str] = "command.output"
    example: ClassVar[str] = (
        "run: ['{python}', -m, engine.extraction.run, --dry-run]\nmatches: 'Failed: +(?P<value>\\d+)'\nequals: 0"
    )
    run: tuple[str, ...] = ()
    script: str = ""
    interpreter: tuple[str, ...] = Field(("sh", "-s"), alias="with", min_length=1)
    cwd: str = "{release}"
    app: bool = True
    exits: tuple[int, ...] = Field((0,), min_length=1)
    fails: tuple[int, ...] = ()
    matches: Regex | None = None
    absent: Regex | None = None
    timeout: float = Field(30.0, gt=0)

    @model_validator(mode="after")
    def _one_way(self) -> Prints:
        if bool(self.run) == bool(self.script):
            raise ValueError("write either `run` or `script`")
        return self

    def ask(self, scope: Scope) -> Shell:
        line = quote(scope, *(self.run or self.interpreter))
        line += f" <<'{END}'\n{_text(scope, self.script)}\n{END}" if self.script else " </dev/null"
        exits = frozenset({*self.exits, *self.fails})
        return Shell(f"cd {quote(scope, self.cwd)} || exit 125\n{line}", self.app, exits, self.timeout)

    def judge(self, output: Output) -> Verdict:
        expected = self._expected()
        tail = "\n".join((output.out + output.err).splitlines()[-20:])
        if output.exit in self.fails:
            return failed(expected, f"exit {output.exit}", tail)
        if self.absent and (hit := re.search(self.absent, output.out, re.MULTILINE)):
            return failed(expected, hit[0][:160], tail)
        match = re.search(self.matches, output.out, re.MULTILINE) if self.matches else None
        if not self.bounded():
            found = match[0][:160] if match else f"exit {output.exit}" if not self.matches else "no match"
            return judged(match is not None or not self.matches, expected, found, tail)
        if self.matches and not match:
            return unknown(expected, f"nothing in the output matches /{self.matches}/", tail)
        value = match["value"] if match and "value" in match.groupdict() else output.out.strip()
        verdict = self.verdict(value)
        return Verdict(verdict.status, expected, verdict.found, tail)

    def _expected(self) -> str:
        """In words; a pattern that only picks the value out of the output is of no use to those who read them."""
        picked = bool(self.matches and "(?P<value>" in self.matches)
        bounds = f"a value in its output {self.text()}" if picked and self.bounded() else self.text()
        return " and ".join(filter(None, [
            f"exit {', '.join(map(str, self.exits))}",
            f"output matching /{self.matches}/" if self.matches and bounds == self.text() else "",
            f"none matching /{self.absent}/" if self.absent else "",
            bounds,
        ]))  # fmt: skip


END = "END-OF-SCRIPT-b1946ac9"


def _text(scope: Scope, script: str) -> str:
    path = Path(scope.fill("{system}")) / script
    if not path.is_file():
        raise ConfigError("there is no such script", where=str(path), fix="Correct its name in the checklist.")
    return path.read_text(encoding="utf-8")
