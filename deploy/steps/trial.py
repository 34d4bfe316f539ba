"""A small run of the optimised DAG, with its own values; afterwards pauses and variables are what they were."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from deploy.command import Command, Script
from deploy.errors import StepFailed
from deploy.steps.airflow import (
    DagRun,
    appear,
    ask_to_parse,
    change,
    clearing,
    parse_again,
    part,
    pauses,
    pausing,
    read,
    run_ends,
    set_pauses,
    triggering,
)
from deploy.steps.base import Facts, Progress, Step
from deploy.steps.variables import equal, remembered, set_values, setting, values, workflows
from deploy.workflows import Trial


class TrialStep(Step):
    """Trigger a run of our own name, follow it, judge it; what it needed to change is put back in any case."""

    name = "trial"
    title = "try a small run"

    @property
    def trial(self) -> Trial:
        return workflows(self).trial

    @property
    def dag(self) -> str:
        return self.trial.dag or workflows(self).optimised

    @property
    def first_id(self) -> str:
        """The name of the run; further tries have a number after it."""
        return f"{self.name}-{self.deployment.id}"

    @property
    def known(self) -> Mapping[str, Any]:
        return self.deployment.facts.get(self.name, {})

    def run(self, run_id: str) -> DagRun:
        return DagRun(self.deployment.site, self.dag, run_id)

    def plan(self) -> list[Command]:
        settings = [setting(name, value, True) for name, value in self.trial.variables.items()]
        run_id = self.first_id
        start = [triggering(self.dag, run_id, self.trial.conf, first=True), pausing(self.dag, False)]
        back = Script("true", note=f"whatever happens: the pause of {self.dag} and the variables as they were found")
        return [*settings, *start, run_ends(self.dag, run_id), back]

    def before(self) -> Facts:
        """The name of the run, and what it will change; what a first try remembered of that counts.

        A run that an earlier try began is gone on with; after one that failed it is a new one.
        """
        site, known = self.deployment.site, self.known
        appear(site, [self.dag], workflows(self).parse_timeout)
        former = remembered(site, self.trial.variables, known.get("former", {}))
        found = {**pauses(site, [self.dag]), **known.get("pauses", {})}
        tries, run_id = int(known.get("tries", 1)), str(known.get("run_id", self.first_id))
        if self.run(run_id).state() == "failed":
            tries += 1
            run_id = f"{self.first_id}-{tries}"
        began = known.get("began", datetime.now(UTC).isoformat())
        return {"run_id": run_id, "tries": tries, "former": former, "pauses": found, "began": began}

    def done(self) -> bool:
        """Whether our run has succeeded already, what it disturbed was seen to, and nothing is left to put back."""
        known, site = self.known, self.deployment.site
        if "others" not in known or self.run(known["run_id"]).state() != "success":
            return False
        now = values(site, known["former"])
        kept = all(equal(now[name], value) for name, value in known["former"].items())
        return kept and pauses(site, known["pauses"]) == known["pauses"]

    def do(self, progress: Progress) -> Facts:
        run = self.run(self.known["run_id"])
        began = datetime.now(UTC)
        with self._small(progress):
            change(self.deployment.site, triggering(self.dag, run.id, self.trial.conf, first=True))
            set_pauses(self.deployment.site, {self.dag: False})
            told = self._followed(run, progress)
        others = self._again(self.known, progress)
        run.require_success(told)
        return {**told, "rows": self._rows(began), "others": others}

    @contextmanager
    def _small(self, progress: Progress) -> Iterator[None]:
        """While this lasts the variables are the trial's; whatever ends it, a Ctrl-C included, they are put back."""
        site, limit = self.deployment.site, workflows(self).parse_timeout
        try:
            if set_values(site, self.trial.variables):
                parse_again(site, [self.dag], progress, limit)
            yield
        finally:
            changed = self._put_back(self.known)
            if changed:
                ask_to_parse(site, self.dag)
        if changed:
            parse_again(site, [self.dag], progress, limit)

    def _followed(self, run: DagRun, progress: Progress) -> dict[str, Any]:
        """Where we stop looking, the run must not go on without us."""
        try:
            return run.follow(progress, self.trial.timeout)
        except BaseException:
            run.end()
            raise

    def _put_back(self, known: Mapping[str, Any]) -> list[str]:
        """The pauses first, for a DAG that is not paused could begin another run with the trial's values."""
        set_pauses(self.deployment.site, known.get("pauses", {}))
        return set_values(self.deployment.site, known.get("former", {}))

    def _rows(self, began: datetime) -> int | None:
        """How many rows arrived, where the system tells how to count them."""
        if not self.trial.rows:
            return None
        text = self.trial.rows
        sql = self.deployment.system.text(f"sql/{text}") if text.endswith(".sql") else text
        query = sql.replace("%", "%%").replace(":since", "%(since)s").encode()
        with self.deployment.site.connect(self.trial.database) as connection:
            row = connection.execute(query, {"since": began}).fetchone()
        if row is None or row[0] is None:
            raise StepFailed("The trial's `rows` query answers nothing; it must answer one number.")
        return int(row[0])

    def _again(self, known: Mapping[str, Any], progress: Progress) -> list[str]:
        """Have runs of the schedule done once more that worked with the trial's values; which ones.

        Unpausing begins the run that the schedule owes, as soon as ours has ended. The DAG is paused again by now, so
        they wait for the unpausing that is meant for them. Where it was not paused they go on at once.
        """
        others = self._others(datetime.fromisoformat(known["began"]), known["run_id"]) if known.get("began") else []
        for run_id in others:
            change(self.deployment.site, clearing(self.dag, run_id))
        if others:
            progress.say(f"begun with the trial's values, and done once more without them: {', '.join(others)}")
        return others

    def _others(self, began: datetime, own: str) -> list[str]:
        """Runs of the schedule that were begun since."""
        found = read(self.deployment.site, f"dags/{part(self.dag)}/dagRuns", order_by="-run_after", limit="20")
        runs = [
            run for run in (found or {}).get("dag_runs", []) if run["run_type"] == "scheduled" and run["start_date"]
        ]
        begun = [run for run in runs if datetime.fromisoformat(run["start_date"]) >= began]
        return [str(run["dag_run_id"]) for run in begun if run["dag_run_id"] != own]

    def undo_plan(self) -> list[Command]:
        former, found = self.known.get("former", {}), self.known.get("pauses", {})
        return [
            *(pausing(name, paused) for name, paused in found.items()),
            *(setting(name, value, True) for name, value in former.items()),
        ]

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        """Nothing of it may be left: the run is ended, pauses and variables are as they were.

        A later step may have changed them since; it is undone before this one.
        """
        began = time.monotonic()
        ended = bool(facts.get("run_id")) and self.run(facts["run_id"]).end()
        changed = self._put_back(facts)
        self._again(facts, progress)
        return {"ended": ended, "variables": changed, "seconds": round(time.monotonic() - began, 3)}
