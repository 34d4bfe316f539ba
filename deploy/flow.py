"""A flow runs phases in order: a change, then its checks. Intent is journaled before each act, outcome after.

From the first step on that touches production, whatever goes wrong is rolled back (unless asked to stay). A resumed
flow asks each step whether it is already done; it never believes the journal.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from deploy import baseline
from deploy.deployment import HOSTS, Deployment
from deploy.errors import DeployError, DeploymentFailed, GateClosed, LockHeld, PersonNeeded
from deploy.fleet import batches, joined, on_each
from deploy.gate import IN_FLOW, Gate
from deploy.journal import Journal
from deploy.lock import Lock
from deploy.reach import HERE
from deploy.result import Result
from deploy.rollback import Rollback, told, touched
from deploy.scope import Scope
from deploy.site import Site
from deploy.steps.base import STEPS, Step
from deploy.system import Phase
from deploy.view import View

ROLE = "app"  # whose hosts get releases
MEASURED = "prereqs"  # the phase in which a baseline is taken
REHEARSED = "validate.pre"  # the phase whose items are asked on the scratch database


class Flow:
    """One deployment's way through its phases, under a held lock."""

    def __init__(self, deployment: Deployment, journal: Journal, gate: Gate, view: View, lock: Lock) -> None:
        self.deployment, self.journal, self.gate, self.view, self.lock = deployment, journal, gate, view, lock
        self.left: set[str] = set()  # hosts that failed, and are not deployed to any more

    def run(self, phases: Sequence[Phase], *, auto_rollback: bool = True) -> None:
        """Run the phases; returns when all held. Raises GateClosed, DeploymentFailed or PersonNeeded otherwise."""
        self.deployment.site.first(ROLE)
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

    @property
    def hosts(self) -> list[str]:
        """The hosts that are deployed to; without those that were left behind."""
        return [host for host in self.deployment.site.hosts(ROLE) if host not in self.left]

    def _phase(self, phase: Phase) -> None:
        self.view.phase(phase.name)
        self.journal.append("phase.started", phase=phase.name)
        began = time.monotonic()
        self._change(phase)
        self._measure(phase.name)
        self.view.checking(len(self.gate.items(phase.name, IN_FLOW)))
        results = self._judged(phase.name, self.hosts)
        took = round(time.monotonic() - began, 3)
        self.journal.append("checked", phase=phase.name, took=took, results=[asdict(result) for result in results])
        self.view.checked(phase.name, results, took)
        self._require(phase.name, results)
        self.journal.append("phase.passed", phase=phase.name, took=took)

    def _measure(self, phase: str) -> None:
        """Before anything is touched: the numbers that items are compared with later on; once in a deployment."""
        wanted = baseline.compared(self.gate.checklist.items)
        if phase == MEASURED and wanted and not self.journal.last(baseline.KIND) and not touched(self.journal):
            found = baseline.measure(wanted, self.deployment.site, self._scope())
            self.journal.append(baseline.KIND, **found)
        self.gate.baseline = baseline.kept(self.journal)

    def _change(self, phase: Phase) -> None:
        """The phase's steps; where all of them are done host by host in production, batch after batch."""
        steps = [step_of(name, self.deployment) for name in phase.steps]
        place = self.deployment.environment
        rolling = steps and all(step.each and step.touches for step in steps)
        portions = batches(self.hosts, place.batch) if rolling else [self.hosts]
        for number, portion in enumerate(portions, 1):
            for step in steps:
                self._step(phase.name, step, portion)
            if number < len(portions):
                self._between(phase.name, portion, f"{number} of {len(portions)}")

    def _between(self, phase: str, portion: Sequence[str], which: str) -> None:
        """The phase's checks on the hosts of one batch, before the next one is touched."""
        hosts = [host for host in portion if host not in self.left]
        self.view.say(f"{phase}: batch {which}: {', '.join(hosts) or 'nobody'}")
        time.sleep(self.deployment.environment.batch_wait)
        if hosts:
            results = self._judged(phase, hosts)
            rows = [asdict(result) for result in results]
            self.journal.append("batch.checked", phase=phase, batch=which, hosts=hosts, results=rows)
            self._require(phase, results)

    def _judged(self, phase: str, hosts: Sequence[str]) -> list[Result]:
        return self.gate.judge(phase, self._site(phase).at(*hosts), self._scope(), IN_FLOW)

    def _require(self, phase: str, results: Sequence[Result]) -> None:
        if closing := self.gate.closing(results):
            names = list(dict.fromkeys(result.item for result in closing))
            self.journal.append("phase.held", phase=phase, items=names)
            raise GateClosed(f"The gate of {phase} is closed by {', '.join(names)}.")

    def _step(self, phase: str, step: Step, portion: Sequence[str]) -> None:
        self.lock.renew()
        if not step.each:
            self._one(phase, step)
            return
        hosts = [host for host in portion if host not in self.left]
        self.deployment.facts.setdefault(step.name, {HOSTS: {}})
        work = partial(self._at, phase, step.name)
        errors = on_each(hosts, work, self.deployment.site.reach.stopped)
        if errors:
            self._leave(step, errors, len(hosts))

    def _at(self, phase: str, name: str, host: str) -> None:
        self._one(phase, step_of(name, self.deployment.at(host)), host)

    def _leave(self, step: Step, errors: dict[str, DeployError | OSError], hosts: int) -> None:
        """Hosts that failed are left behind, as they were, if that many may; else the deployment fails."""
        if len(errors) > self.deployment.environment.max_fail or len(errors) == hosts:
            raise joined(step.title, errors, hosts)
        for host, error in errors.items():
            self.left.add(host)
            self.view.say(f"{host} is left behind: {told(error)}")
            back = Rollback(self.deployment, self.journal, self.gate, self.view, automatic=True)
            whole = back.leave(host)
            self.journal.append("host.left", host=host, step=step.name, reason=told(error), undone=whole)

    def _one(self, phase: str, step: Step, host: str | None = None) -> None:
        """One step, once or at one host: asked whether it is already so, else done, intent and outcome journaled."""
        where = {"host": host} if host else {}
        title = f"{step.title} on {host}" if host and host != HERE else step.title
        if step.done():
            # After a crash in between, the intent is what we remember.
            self.view.step(f"{title}: already so")
            self.journal.append("step.already", phase=phase, step=step.name, **where)
            return
        progress = self.view.step(title)
        before = step.before()
        step.deployment.facts[step.name] = {**step.deployment.facts.get(step.name, {}), **before}
        self.deployment.learn(step.name, before, host)
        self.journal.append("step.intended", phase=phase, step=step.name, touches=step.touches, before=before, **where)
        began = time.monotonic()
        facts = {**before, **step.do(progress)}
        took = round(time.monotonic() - began, 3)
        self.deployment.learn(step.name, facts, host)
        self.journal.append("step.done", phase=phase, step=step.name, took=took, facts=facts, **where)

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
                step = step_of(name, self.deployment)
                for host in self.hosts if step.each else [None]:
                    facts = (step_of(name, self.deployment.at(host)) if host else step).settle()
                    self.journal.append("settled", step=name, facts=facts, **({"host": host} if host else {}))

    def _stopped(self, error: BaseException, auto_rollback: bool) -> None:
        reason, environment = told(error), self.deployment.environment.name
        ways = [f"invoke deploy.resume --env={environment}", f"invoke rollback --env={environment}"]
        if isinstance(error, LockHeld):  # not even the journal is ours any more
            raise PersonNeeded(
                f"{reason}\nNothing more was done. When nobody deploys, go on, or back:", ways
            ) from error
        stays = touched(self.journal) and not auto_rollback
        self.journal.append("failed", reason=reason, error=type(error).__name__, stays=stays)
        if stays:
            raise PersonNeeded(f"{reason}\nNothing was rolled back, as asked. Go on, or back:", ways) from error
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
