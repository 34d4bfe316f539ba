"""Undo what the journal says was begun, last first; then check, and leave an incident to be filled in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from deploy.command import Command
from deploy.deployment import Deployment
from deploy.errors import ConfigError, DeployError, PersonNeeded
from deploy.gate import Gate, skipped
from deploy.journal import Journal
from deploy.migrations.plan import rollback_way
from deploy.result import Result
from deploy.secret import mask
from deploy.steps.base import STEPS, Step

if TYPE_CHECKING:
    from deploy.flow import View

DATA_STEPS = frozenset({"migrate", "load"})  # what a restored database has undone already
LATER = frozenset({"load", "start", "switch"})  # what stands after the migration in a flow, and is undone before it


class Rollback:
    """The way back of one deployment. `choice` is auto, restore or keep.

    The rows of a load stay where the deployment had succeeded, and go where it never did.
    """

    def __init__(
        self,
        deployment: Deployment,
        journal: Journal,
        gate: Gate,
        view: View,
        *,
        choice: str = "auto",
        automatic: bool = False,
    ) -> None:
        self.deployment, self.journal, self.gate, self.view = deployment, journal, gate, view
        self.choice, self.automatic = choice, automatic

    def begun(self) -> list[str]:
        """The steps whose change was begun and not yet undone, last first; each once."""
        names: dict[str, None] = {}
        for record in self.journal.records:
            if record["kind"] == "step.intended":
                names.pop(record["step"], None)
                names[record["step"]] = None
            elif record["kind"] == "undo.done":
                names.pop(record["step"], None)
        return list(reversed(names))

    def way(self) -> str:
        """What happens to the database: `keep`, `down` or `restore`; `keep` where no migration was begun."""
        if "migrate" not in self.begun():
            return "restore" if self.choice == "restore" else "keep"
        return rollback_way(self._classes(), self.choice)

    def _classes(self) -> dict[str, str]:
        """Class of each migration of this deployment: what was applied, or what the rehearsal announced."""
        for step in ("migrate", "rehearse"):
            facts = self.deployment.facts.get(step)
            if facts and "classes" in facts:
                return dict(facts["classes"])
        return {"?": "restore-only"} if "migrate" in self.begun() else {}

    def steps(self) -> list[Step]:
        """What will be undone, in order."""
        from deploy.steps import load_all

        load_all()
        names = self.begun()
        if self.way() == "restore":
            names = self._with_restore([name for name in names if name not in DATA_STEPS])
        elif self.journal.last("closed", outcome="succeeded"):
            names = [name for name in names if name != "load"]  # people have worked with these rows since: they stay
        return [STEPS[name](self.deployment) for name in names]

    def _with_restore(self, names: list[str]) -> list[str]:
        """The restore comes when the old release is current, before its processes start and the copies are dropped."""
        place = next((index for index, name in enumerate(names) if name not in LATER), len(names))
        return [*names[:place], "restore", *names[place:]]

    def plan(self) -> list[Command]:
        return [command for step in self.steps() for command in step.undo_plan()]

    def run(self, reason: str) -> None:
        """Go back and check; raises PersonNeeded when something could not be undone or does not hold afterwards."""
        way, steps = self.way(), self.steps()
        self.deployment.database_choice = way
        self.view.phase("rollback")
        self.journal.append("rollback.started", reason=reason, way=way, automatic=self.automatic)
        began = time.monotonic()
        for step in steps:
            self._undo(step)
        self._check(began)
        self.journal.append("closed", outcome="rolled back")

    def tidy(self) -> None:
        """Undo what was begun where nothing of it touched production; there is nothing to check afterwards."""
        for step in self.steps():
            self._undo(step)
        self.journal.append("closed", outcome="stopped")

    def _undo(self, step: Step) -> None:
        facts = self.deployment.facts.get(step.name, {})
        self.journal.append("undo.intended", step=step.name)
        began = time.monotonic()
        try:
            found = step.undo(facts, self.view.step(f"undo: {step.title}"))
        except BaseException as error:
            # Even a defect or Ctrl-C leaves a target between two states here: a person must know what is left to do.
            self._left(step, error)
            raise AssertionError("unreachable") from error
        took = round(time.monotonic() - began, 3)
        self.journal.append("undo.done", step=step.name, took=took, facts=found)

    def _left(self, step: Step, error: BaseException) -> None:
        text = mask(str(error) if isinstance(error, DeployError) else f"{type(error).__name__}: {error}")
        self.journal.append("undo.failed", step=step.name, error=text)
        left = [remaining.name for remaining in self.steps()]
        again = f"invoke rollback --env={self.deployment.environment.name}"
        commands = error.commands if isinstance(error, PersonNeeded) else ()
        raise PersonNeeded(
            f"The rollback is incomplete: {step.title} could not be undone.\n{text}\n"
            f"Still to undo, in this order: {', '.join(left)}. Mend the cause, then:",
            [*commands, again],
        ) from error

    def _check(self, began: float) -> None:
        results = self._results()
        took = round(time.monotonic() - began, 3)
        self.journal.append("checked", phase="rollback", took=took, results=[asdict(result) for result in results])
        self.view.checked("rollback", results, took)
        if closing := self.gate.closing(results):
            named = ", ".join(result.item for result in closing)
            raise PersonNeeded(
                f"Everything was undone, but the system does not hold after it: {named}.",
                [f"invoke deploy.status --env={self.deployment.environment.name}"],
            )

    def _results(self) -> list[Result]:
        items = self.gate.items("rollback")
        if not self.deployment.previous:
            return skipped(items, "there was no release before this one")
        scope = self.deployment.scope(self.deployment.previous)
        return self.gate.judge("rollback", self.deployment.site, scope, items=items)


def touched(journal: Journal) -> bool:
    """Whether any step that changes production was begun."""
    return any(record["touches"] for record in journal.all("step.intended"))


def choices(value: str) -> str:
    if value not in ("auto", "restore", "keep"):
        raise ConfigError(
            f"{value!r} is no way to roll a database back", where="--database", fix="auto, restore or keep"
        )
    return value


def facts_of(records: Sequence[Any]) -> dict[str, Any]:
    """What each step remembered and returned, by its name, the latest winning."""
    found: dict[str, Any] = {}
    for record in records:
        told = {"step.intended": "before", "step.done": "facts"}.get(record["kind"])
        if told:
            found[record["step"]] = {**found.get(record["step"], {}), **record[told]}
    return found
