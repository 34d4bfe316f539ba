"""A flow runs phases in order: a change, then its checks. Intent is journaled before each act, outcome after.

From the first step on that touches production, whatever goes wrong is rolled back (unless asked to stay). A resumed
flow asks each step whether it is already done; it never believes the journal.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict

from deploy.deployment import Deployment
from deploy.errors import DeployError, DeploymentFailed, GateClosed, PersonNeeded
from deploy.gate import IN_FLOW, Gate
from deploy.journal import Journal
from deploy.lock import Lock
from deploy.rollback import Rollback, told, touched
from deploy.scope import Scope
from deploy.site import Site
from deploy.steps.base import STEPS, Step
from deploy.system import Phase
from deploy.view import View

REHEARSED = "validate.pre"  # the phase whose items are asked on the scratch database


class Flow:
    """One deployment's way through its phases, under a held lock."""

    def __init__(self, deployment: Deployment, journal: Journal, gate: Gate, view: View, lock: Lock) -> None:
        self.deployment, self.journal, self.gate, self.view, self.lock = deployment, journal, gate, view, lock

    def run(self, phases: Sequence[Phase], *, auto_rollback: bool = True) -> None:
        """Run the phases; returns when all held. Raises GateClosed, DeploymentFailed or PersonNeeded otherwise."""
        for phase in phases:
            self.gate.items(phase.name, IN_FLOW)  # an empty phase is found before anything changes
        try:
            for phase in phases:
                self._phase(phase)
            self._settle(phases)
        except BaseException as error:  # noqa: BLE001
            # Whatever ended the phase, a defect of ours and Ctrl-C included, must not leave production half-changed.
            self._stopped(error, auto_rollback)
        self.journal.append("closed", outcome="succeeded")

    def _phase(self, phase: Phase) -> None:
        self.view.phase(phase.name)
        self.journal.append("phase.started", phase=phase.name)
        began = time.monotonic()
        for name in phase.steps:
            self._step(phase.name, step_of(name, self.deployment))
        self.view.checking(len(self.gate.items(phase.name, IN_FLOW)))
        results = self.gate.judge(phase.name, self._site(phase.name), self._scope(), IN_FLOW)
        took = round(time.monotonic() - began, 3)
        self.journal.append("checked", phase=phase.name, took=took, results=[asdict(result) for result in results])
        self.view.checked(phase.name, results, took)
        if closing := self.gate.closing(results):
            self.journal.append("phase.held", phase=phase.name, items=[result.item for result in closing])
            named = ", ".join(result.item for result in closing)
            raise GateClosed(f"The gate of {phase.name} is closed by {named}.")
        self.journal.append("phase.passed", phase=phase.name, took=took)

    def _step(self, phase: str, step: Step) -> None:
        self.lock.renew()
        if step.done():
            self._already(phase, step)
            return
        progress = self.view.step(step.title)
        before = step.before()
        self.deployment.facts[step.name] = {**self.deployment.facts.get(step.name, {}), **before}
        self.journal.append("step.intended", phase=phase, step=step.name, touches=step.touches, before=before)
        began = time.monotonic()
        facts = {**before, **step.do(progress)}
        took = round(time.monotonic() - began, 3)
        self.deployment.facts[step.name] = facts
        self.journal.append("step.done", phase=phase, step=step.name, took=took, facts=facts)

    def _already(self, phase: str, step: Step) -> None:
        """The target is so already. After a crash in between, the intent is what we remember."""
        self.view.step(f"{step.title}: already so")
        self.journal.append("step.already", phase=phase, step=step.name)

    def _site(self, phase: str) -> Site:
        site = self.deployment.site
        if phase != REHEARSED:
            return site
        for database in self.deployment.system.backup.databases:
            site = site.redirect(database, self.deployment.scratch(database))
        return site

    def _scope(self) -> Scope:
        return self.deployment.scope()

    def _settle(self, phases: Sequence[Phase]) -> None:
        for phase in phases:
            for name in phase.steps:
                self.journal.append("settled", step=name, facts=step_of(name, self.deployment).settle())

    def _stopped(self, error: BaseException, auto_rollback: bool) -> None:
        reason = told(error)
        stays = touched(self.journal) and not auto_rollback
        self.journal.append("failed", reason=reason, error=type(error).__name__, stays=stays)
        if stays:
            environment = self.deployment.environment.name
            raise PersonNeeded(
                f"{reason}\nNothing was rolled back, as asked. Go on, or back:",
                [f"invoke deploy.resume --env={environment}", f"invoke rollback --env={environment}"],
            ) from error
        way_back = Rollback(self.deployment, self.journal, self.gate, self.view, automatic=True)
        if touched(self.journal):
            self.view.say(f"{reason}\nGoing back.")
            way_back.run(reason)
            raise DeploymentFailed(f"{reason}\nRolled back: production is as it was before.") from error
        way_back.tidy()
        if isinstance(error, DeployError):
            raise error
        raise DeploymentFailed(f"{reason}\nProduction was not touched.") from error


def step_of(name: str, deployment: Deployment) -> Step:
    """The step of that name, for this deployment."""
    from deploy.steps import load_all

    load_all()
    return STEPS[name](deployment)
