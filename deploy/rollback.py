"""Undo what the journal says was begun, last first; then check, and leave an incident to be filled in."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from deploy.deployment import HOSTS, Deployment
from deploy.errors import ConfigError, DeployError, PersonNeeded
from deploy.fleet import joined, on_each
from deploy.gate import Gate, skipped
from deploy.journal import Journal
from deploy.migrations.plan import rollback_way
from deploy.reach import HERE
from deploy.result import Result
from deploy.secret import mask
from deploy.steps.base import STEPS, Step
from deploy.view import View

DATA_STEPS = frozenset({"migrate", "load"})  # what a restored database has undone already
# What stands after the migration in a flow, and is undone before it.
LATER = frozenset({"load", "start", "switch", "configure", "measure", "trial", "switch-schedule", "scale"})


class WayBack:
    """How a deployment would be taken back: which steps, in which order, and what happens to the database.

    `choice` is auto, restore or keep. The rows of a load stay where the deployment had succeeded, and go where it
    never did.
    """

    def __init__(self, deployment: Deployment, journal: Journal, choice: str = "auto") -> None:
        self.deployment, self.journal, self.choice = deployment, journal, choice

    def places(self) -> list[tuple[str, str | None]]:
        """The steps whose change was begun and not yet undone, with the host where each has its own, last first."""
        places: dict[tuple[str, str | None], None] = {}
        for record in self.journal.records:
            if record["kind"] in ("step.intended", "undo.done"):
                place = record["step"], record.get("host")
                places.pop(place, None)
                if record["kind"] == "step.intended":
                    places[place] = None
        return list(reversed(places))

    def begun(self) -> list[str]:
        """The names of those steps, each once."""
        return list(dict.fromkeys(name for name, _ in self.places()))

    def hosts(self, name: str) -> list[str | None]:
        """Where a step was begun and not yet undone; None for where it is not done host by host."""
        return [host for each, host in self.places() if each == name] or [None]

    def way(self) -> str:
        """What happens to the database: `keep`, `down` or `restore`; `keep` where no migration was begun."""
        if "migrate" not in self.begun():
            return "restore" if self.choice == "restore" else "keep"
        return rollback_way(self._classes(), self.choice)

    def _classes(self) -> dict[str, str]:
        """Class of each migration that this deployment applied; where the step left no facts, the database is asked."""
        facts = self.deployment.facts.get("migrate", {})
        return dict((facts if "classes" in facts else self.step("migrate").found())["classes"])

    def step(self, name: str) -> Step:
        from deploy.steps import load_all

        load_all()
        return STEPS[name](self.deployment)

    def steps(self) -> list[Step]:
        """What will be undone, in order."""
        names = self.begun()
        if self.way() == "restore":
            names = self._with_restore([name for name in names if name not in DATA_STEPS])
        elif self.journal.last("closed", outcome="succeeded"):
            names = [name for name in names if name != "load"]  # people have worked with these rows since: they stay
        return [self.step(name) for name in names]

    def _with_restore(self, names: list[str]) -> list[str]:
        """The restore comes when the old release is current, before its processes start and the copies are dropped."""
        place = next((index for index, name in enumerate(names) if name not in LATER), len(names))
        return [*names[:place], "restore", *names[place:]]


class Rollback:
    """The way back, walked: each undo journaled before and after, then checked."""

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
        self.back, self.automatic = WayBack(deployment, journal, choice), automatic

    def run(self, reason: str) -> None:
        """Go back and check; raises PersonNeeded when something could not be undone or does not hold afterwards."""
        self.view.phase("rollback")
        way, steps = self._planned()
        self.deployment.database_choice = way
        self.journal.append("rollback.started", reason=reason, way=way, automatic=self.automatic)
        began = time.monotonic()
        for step in steps:
            self._undo(step)
        self._check(began)
        self.journal.append("closed", outcome="rolled back")

    def _planned(self) -> tuple[str, list[Step]]:
        try:
            return self.back.way(), self.back.steps()
        except PersonNeeded:
            raise
        except BaseException as error:
            # Without an answer nobody knows what to undo: nothing is touched, and a person must hear it.
            raise PersonNeeded(
                f"Which way leads back could not be found out, nothing was undone yet.\n{told(error)}\n"
                "Mend the cause, then:",
                [self._again],
            ) from error

    @property
    def _again(self) -> str:
        return f"invoke rollback --env={self.deployment.environment.name}"

    def tidy(self) -> None:
        """Undo what was begun where nothing of it touched production; there is nothing to check afterwards."""
        for step in self.back.steps():
            self._undo(step)
        self.journal.append("closed", outcome="stopped")

    def _undo(self, step: Step) -> None:
        """Undo a step wherever it was begun; where some of many hosts fail, the others are done."""
        hosts = [host for host in self.back.hosts(step.name) if host]
        errors: dict[str, DeployError | OSError] = {}
        try:
            if hosts:
                errors = on_each(hosts, lambda host: self._at(step, host), self.deployment.site.reach.stopped)
            else:
                self._one(step)
        except BaseException as error:
            # Even a defect or Ctrl-C leaves a target between two states here: a person must know what is left to do.
            raise self._incomplete(step, error) from error
        if errors:
            raise self._incomplete(step, joined(f"undo: {step.title}", errors, len(hosts)))

    def _at(self, step: Step, host: str) -> None:
        self._one(type(step)(self.deployment.at(host)), host)

    def leave(self, host: str) -> bool:
        """Undo what was begun on one host; whether all of it could be undone."""
        for name, where in self.back.places():
            if where == host:
                try:
                    self._at(self.back.step(name), host)
                except DeployError as error:
                    self.view.say(f"{host} could not be brought back: {told(error)}")
                    return False
        return True

    def _one(self, step: Step, host: str | None = None) -> None:
        facts = step.deployment.facts.get(step.name, {})
        where = {"host": host} if host else {}
        self.journal.append("undo.intended", step=step.name, **where)
        title = f"undo: {step.title}" + (f" on {host}" if host and host != HERE else "")
        began = time.monotonic()
        try:
            found = step.undo(facts, self.view.step(title))
        except BaseException as error:
            self.journal.append("undo.failed", step=step.name, error=told(error), **where)
            raise
        took = round(time.monotonic() - began, 3)
        self.journal.append("undo.done", step=step.name, took=took, facts=found, **where)

    def _incomplete(self, step: Step, error: BaseException) -> PersonNeeded:
        text = told(error)
        left = [self._named(remaining) for remaining in self.back.steps()]
        commands = error.commands if isinstance(error, PersonNeeded) else ()
        return PersonNeeded(
            f"The rollback is incomplete: {step.title} could not be undone.\n{text}\n"
            f"Still to undo, in this order: {', '.join(left)}. Mend the cause, then:",
            [*commands, self._again],
        )

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

    def _named(self, step: Step) -> str:
        hosts = [host for host in self.back.hosts(step.name) if host and host != HERE]
        return f"{step.name} on {', '.join(hosts)}" if hosts else step.name

    def _results(self) -> list[Result]:
        items = self.gate.items("rollback")
        if not self.deployment.previous:
            return skipped(items, "there was no release before this one")
        scope = self.deployment.scope(self.deployment.previous)
        self.view.checking(len(items))
        return self.gate.judge("rollback", self.deployment.site, scope, items=items)


def told(error: BaseException) -> str:
    """One masked text that says what went wrong."""
    if isinstance(error, DeployError):
        return mask(str(error))
    return "Interrupted." if isinstance(error, KeyboardInterrupt) else mask(f"{type(error).__name__}: {error}")


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
    """What each step remembered and returned, by its name (and host), the latest winning."""
    found: dict[str, Any] = {}
    for record in records:
        told = {"step.intended": "before", "step.done": "facts"}.get(record["kind"])
        if told:
            known = found.setdefault(record["step"], {})
            if host := record.get("host"):
                known = known.setdefault(HOSTS, {}).setdefault(host, {})
            known.update(record[told])
    return found
