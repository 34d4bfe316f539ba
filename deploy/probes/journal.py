"""A deployment's own journal: which gates it passed, and what its checks come to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.reading import every
from deploy.probes.sh import quote
from deploy.question import Output, Shell
from deploy.result import Readiness, Result, Severity, Status, Verdict, judged, readiness, unknown
from deploy.scope import Scope

JOURNAL = "{control}/journals/{deployment}.jsonl"
GATES = "phase[.](passed|held)|checked"
NAMES = {"phase.passed": "passed", "phase.held": "its gate was closed"}


class Passed(Probe):
    """The gates of these phases were passed in this deployment: every critical item held, or was waived."""

    name: ClassVar[str] = "journal.passed"
    role: ClassVar[str] = "control"
    example: ClassVar[str] = "phases: [services, migrate]"
    journal: str = JOURNAL
    phases: tuple[str, ...] = Field(min_length=1)

    def ask(self, scope: Scope) -> Shell:
        return _records(scope, self.journal)

    def judge(self, output: Output) -> Verdict:
        newest = {record["phase"]: NAMES.get(record["kind"], "") for record in _read(output) if "results" not in record}
        states = [(newest.get(phase, "not in this journal"), phase) for phase in self.phases]
        return every("every gate passed", states, {"passed"}, {"not in this journal"})


class Standing(Probe):
    """What all checks of this deployment come to: ready, needs fixes (warnings that do not hold) or blocked."""

    name: ClassVar[str] = "journal.status"
    role: ClassVar[str] = "control"
    example: ClassVar[str] = "one_of: [ready, needs fixes]"
    journal: str = JOURNAL
    one_of: tuple[Readiness, ...] = (Readiness.READY, Readiness.NEEDS_FIXES)

    def ask(self, scope: Scope) -> Shell:
        return _records(scope, self.journal)

    def judge(self, output: Output) -> Verdict:
        expected, records = " or ".join(self.one_of), _read(output)
        checked = {record["phase"]: record["results"] for record in records if "results" in record}
        gates = {record["phase"]: record["kind"] for record in records if "results" not in record}
        if not checked:
            return unknown(expected, "no phase of this deployment was checked yet")
        results = [_result(row) for rows in checked.values() for row in rows]
        open_ = [f"{each.item}: {each.status}" for each in results if each.status in (Status.FAIL, Status.UNKNOWN)]
        found = readiness(results, closed="phase.held" in gates.values())
        return judged(found in self.one_of, expected, found, "\n".join(open_))


class Recorded(Probe):
    """Something was done since this deployment began: its journal has a record of the kind, with these fields."""

    name: ClassVar[str] = "journal.recorded"
    role: ClassVar[str] = "control"
    example: ClassVar[str] = "kind: switch.tried\nfields: {over: true}"
    journal: str = JOURNAL
    kind: str = Field(pattern=r"^[a-z]+([.][a-z]+)*$")
    fields: Mapping[str, bool | int | str] = {}

    def ask(self, scope: Scope) -> Shell:
        return _records(scope, self.journal, re.escape(self.kind))

    def judge(self, output: Output) -> Verdict:
        found = [each for each in _read(output) if all(each.get(key) == it for key, it in self.fields.items())]
        told = f"{found[-1]['at'][:16]} UTC" if found else "never"
        return judged(bool(found), f"a record {self.kind}", told)


def _records(scope: Scope, journal: str, kinds: str = GATES) -> Shell:
    pattern = f'"kind":"({kinds})"'
    return Shell(f"grep -E {quote(scope, pattern)} {quote(scope, journal)}", exits=frozenset({0, 1}), limit=50_000_000)


def _read(output: Output) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in output.out.splitlines()]


def _result(row: Mapping[str, Any]) -> Result:
    return Result(row["item"], row["title"], row["phase"], Severity(row["severity"]), Status(row["status"]))
