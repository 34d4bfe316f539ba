"""Draining: no new work is begun, and what runs is waited for, before anything is stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from deploy.command import Command, Run
from deploy.errors import CommandFailed, StepFailed, Unreachable
from deploy.question import Unanswered
from deploy.steps.airflow import BUSY, busy, look, pauses, pausing, read, set_pauses, there, waiting
from deploy.steps.base import Facts, Progress, Step
from deploy.steps.variables import workflows

POLL = 1.0  # seconds between two looks at what runs
SHOWN = 3
NO_WORKER = 69  # Celery's exit where no worker answers in time
NO_PROGRAM = (126, 127)  # the shell's, and Docker's: it will not be there later on either
SILENT = "Celery's workers, which do not answer"  # a busy one may not: nobody knows, so it is waited for
PATIENCE = 120.0  # seconds; where the machine is busy, Airflow takes long to be loaded


class DrainStep(Step):
    """Pause the DAGs that are not paused, and wait for running tasks (and Celery's); undo unpauses only those."""

    name = "drain"
    title = "drain the workflows"

    def plan(self) -> list[Command]:
        known = workflows(self)
        names = known.drain.dags or (known.original, known.optimised)
        path = "dags/~/dagRuns/~/taskInstances?limit=1&" + "&".join(f"state={state}" for state in BUSY)
        wait = waiting(path, '"total_entries":0', "wait for the tasks that are at work")
        return [*(pausing(name, True) for name in names), wait, *self._celery()]

    def before(self) -> Facts:
        """Which DAGs are not paused; a first try that was cut off may have paused some already."""
        known = list(self.deployment.facts.get(self.name, {}).get("unpaused", []))
        return {"unpaused": list(dict.fromkeys([*known, *self._unpaused()]))}

    def _unpaused(self) -> list[str]:
        site, names = self.deployment.site, workflows(self).drain.dags
        if names:  # those that the release before had
            return [name for name, paused in pauses(site, there(site, names)).items() if not paused]
        return [row["dag_id"] for row in read(site, "dags", paused="false")["dags"] if not row["is_paused"]]

    def done(self) -> bool:
        """A drain that was finished before is still one while all is paused: Celery was given nothing since."""
        finished = "waited" in self.deployment.facts.get(self.name, {})
        return self._not_there_yet() or (not self._unpaused() and not self.working(celery=not finished))

    def _not_there_yet(self) -> bool:
        """Before the first deployment there is no Airflow that could run anything."""
        return self.deployment.previous is None and isinstance(look(self.deployment.site, "version"), Unanswered)

    def do(self, progress: Progress) -> Facts:
        site, timeout = self.deployment.site, workflows(self).drain.timeout
        paused = set_pauses(site, dict.fromkeys(self._unpaused(), True))
        progress.say(f"paused: {', '.join(paused) or 'nothing was left to pause'}")
        began = time.monotonic()
        most = 0
        while working := self.working():
            most = max(most, len(working))
            progress.count(most - len(working), most, f"tasks ended, waiting for {listed(working)}")
            if time.monotonic() - began > timeout:
                raise StepFailed(f"Still at work after {timeout:g} s: {listed(working)}.")
            time.sleep(POLL)
        return {"waited": round(time.monotonic() - began, 3)}

    def working(self, *, celery: bool = True) -> list[str]:
        """What is at work: task instances as Airflow knows them; where there are none, what Celery has in hand."""
        known = list(busy(self.deployment.site, workflows(self).drain.dags or ("~",)))
        return known or [task for run in self._celery() if celery for task in self._active(run)]

    def _celery(self) -> list[Run]:
        """The question to Celery, where Airflow's own command line is: in a container, say."""
        words, api = workflows(self).drain.active, self.deployment.environment.airflow
        if not words:
            return []
        argv = (*api.cli[:-1], *words) if api else words
        note, exits = "what Celery's workers have in hand", frozenset({0, NO_WORKER})
        return [Run(argv, env=api.env if api else {}, timeout=PATIENCE, exits=exits, on="control", note=note)]

    def _active(self, run: Run) -> list[str]:
        """What they work on. Where they cannot be asked just now, they may be at work: that is waited for, too."""
        try:
            done = self.deployment.site.execute(run)
        except Unreachable:
            raise
        except CommandFailed as error:
            if error.exited in NO_PROGRAM:
                raise
            return [f"{SILENT} ({(error.output.strip().splitlines() or ['in time'])[-1][:120]})"]
        return [SILENT] if done.exit == NO_WORKER else active(done.out)

    def undo_plan(self) -> list[Command]:
        return [pausing(name, False) for name in self.deployment.facts.get(self.name, {}).get("unpaused", [])]

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        return {"unpaused": set_pauses(self.deployment.site, dict.fromkeys(facts.get("unpaused", []), False))}


class ResumeStep(Step):
    """Let the DAGs run again that the draining paused."""

    name = "resume"
    title = "let the workflows run again"

    @property
    def wanted(self) -> list[str]:
        """What the draining paused, but for a DAG that was handed over since."""
        facts = self.deployment.facts
        handed = {workflows(self).original} if "switch-schedule" in facts else set()
        return [name for name in facts.get("drain", {}).get("unpaused", []) if name not in handed]

    def plan(self) -> list[Command]:
        known = workflows(self)
        names = self.wanted or known.drain.dags or (known.original, known.optimised)
        return [pausing(name, False) for name in names]

    def done(self) -> bool:
        site = self.deployment.site
        return not any(pauses(site, there(site, self.wanted)).values())

    def do(self, progress: Progress) -> Facts:
        """A DAG that the new release does not have any more is not missed."""
        site = self.deployment.site
        return {"unpaused": set_pauses(site, dict.fromkeys(there(site, self.wanted), False))}

    def undo_plan(self) -> list[Command]:
        return [pausing(name, True) for name in self.wanted]

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        """Pause again what the draining had paused: what is undone next was done while they were paused."""
        site = self.deployment.site
        return {"paused": set_pauses(site, dict.fromkeys(there(site, self.wanted), True))}


def active(text: str) -> list[str]:
    """The names of the tasks in `celery inspect active --json`. StepFailed for anything that is not that."""
    start = text.find("{")
    try:
        workers = json.loads(text[start:]) if start >= 0 else None
    except ValueError:
        workers = None
    if not isinstance(workers, dict):
        raise StepFailed(f"Celery does not tell what its workers do: {text.strip()[:200] or 'nothing was said'}")
    return [f"{worker}: {task.get('name', '?')}" for worker, tasks in workers.items() for task in tasks]


def listed(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
    return ", ".join(known[:SHOWN]) + more
