"""The load: the declared commands, in order, resumable, marked so that they can be recognised and taken back."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from deploy.command import Command, Request, Run, Statement
from deploy.deployment import Deployment
from deploy.errors import ConfigError, StepFailed
from deploy.steps.airflow import DagRun, change, dag, run_ends, triggering
from deploy.steps.base import Facts, Progress, Step
from deploy.system import Load, LoadTask, Task
from deploy.workflows import LoadDag

POLL = 0.5  # seconds between two looks at how far a load is


def marker(deployment: Deployment) -> dict[str, Any]:
    """What is known of the load of this release: its `load_id`, when it `started`, which commands are `done`."""
    text = deployment.site.read(str(deployment.layout.control / "loads" / f"{deployment.release}.json"))
    return json.loads(text) if text else {}


class LoadStep(Step):
    """Run the load's commands as the application, each row marked with this deployment's load id."""

    name = "load"
    title = "load the data"

    @property
    def load(self) -> Load:
        if self.deployment.system.load is None:
            raise ConfigError(
                "the flow loads, but `load:` is missing", where=f"{self.deployment.system.folder}/system.yaml"
            )
        return self.deployment.system.load

    def plan(self) -> list[Command]:
        if self.load.airflow:
            return [
                self._triggering(self.load.airflow),
                run_ends(self.load.airflow.dag, f"load-{self.deployment.load_id}"),
            ]
        return [self._run(task) for task in self.load.commands]

    def _triggering(self, load: LoadDag, run_id: str = "") -> Request:
        """The run of the load's DAG, under a name of ours; rows are marked by what its configuration says."""
        scope = self.deployment.scope()
        conf = {key: scope.fill(value) if isinstance(value, str) else value for key, value in load.conf.items()}
        marks = {"load_id": self.deployment.load_id, "release": self.deployment.release}
        return triggering(load.dag, run_id or f"load-{self.deployment.load_id}", {**conf, **marks})

    def _run(self, task: Task, release: str | None = None) -> Run:
        scope = self.deployment.scope(release)
        marks = {"LOAD_ID": self.deployment.load_id, "RELEASE": release or self.deployment.release}
        env = {key: scope.fill(value) for key, value in {**self.deployment.environment.env, **task.env}.items()}
        argv = tuple(scope.fill(word) for word in task.run)
        secrets = self.deployment.site.app_secrets()
        cwd = scope.fill(task.cwd)
        return Run(argv, cwd=cwd, env={**env, **marks}, secrets=secrets, timeout=task.timeout, note=task.name)

    def done(self) -> bool:
        """Whether every command of this release's load ended well and its rows are still in the database.

        An earlier deployment may have made it; then checks look at that load's rows, and at data since it began.
        """
        known = marker(self.deployment)
        names = {self.load.airflow.dag} if self.load.airflow else {task.name for task in self.load.commands}
        done = names == set(known.get("done", ())) and self._rows(known["load_id"]) > 0
        if done:
            self.deployment.data_load = known["load_id"]
            self.deployment.data_since = datetime.fromisoformat(known["started"])
        return done

    def _rows(self, load_id: str) -> int:
        with self.deployment.site.connect(self.load.database) as connection:
            row = connection.execute(statement(self._sql(self.load.count)), {"load_id": load_id}).fetchone()
        if row is None or row[0] is None:
            raise StepFailed("The load's `count` query answers nothing; it must answer one number.")
        return int(row[0])

    def _sql(self, text: str) -> str:
        return self.deployment.system.text(f"sql/{text}") if text.endswith(".sql") else text

    def do(self, progress: Progress) -> Facts:
        known = marker(self.deployment)
        if known.get("load_id") != self.deployment.load_id:
            known = {"load_id": self.deployment.load_id, "started": self.deployment.started.isoformat(), "done": []}
            self._mark(known)
        seconds: dict[str, float] = {}
        if self.load.airflow and self.load.airflow.dag not in known["done"]:
            seconds[self.load.airflow.dag] = self._by_airflow(self.load.airflow, progress)
            known["done"].append(self.load.airflow.dag)
            self._mark(known)
        for task in self.load.commands:
            if task.name not in known["done"]:
                seconds[task.name] = self._one(task, progress)
                known["done"].append(task.name)
                self._mark(known)
        rows = self._rows(self.deployment.load_id)
        return {"load_id": self.deployment.load_id, "rows": rows, "seconds": seconds, "samples": self._samples()}

    def _by_airflow(self, load: LoadDag, progress: Progress) -> float:
        """Trigger the DAG, follow the run, judge it. A paused DAG would only queue it, and we are no scheduler."""
        site = self.deployment.site
        if dag(site, load.dag)["is_paused"]:
            raise StepFailed(f"The DAG {load.dag} is paused, so its run would wait for ever: unpause it first.")
        run = self._next_run(load)
        change(site, self._triggering(load, run.id))
        try:
            told = run.follow(progress, load.timeout)
        except BaseException:
            run.end()
            raise
        run.require_success(told)
        return float(told["seconds"] or 0)

    def _next_run(self, load: LoadDag) -> DagRun:
        """The run to follow: one that a first try began, or after those that failed a new one."""
        run, tries = DagRun(self.deployment.site, load.dag, f"load-{self.deployment.load_id}"), 1
        while run.state() == "failed":
            tries += 1
            run = replace(run, id=f"load-{self.deployment.load_id}-{tries}")
        return run

    def _mark(self, known: dict[str, Any]) -> None:
        path = str(self.deployment.layout.control / "loads" / f"{self.deployment.release}.json")
        self.deployment.site.write(path, json.dumps(known))

    def _one(self, task: LoadTask, progress: Progress) -> float:
        progress.say(task.name)
        began = time.monotonic()
        with self._watched(task, progress):
            self.deployment.site.execute(self._run(task))
        return round(time.monotonic() - began, 3)

    @contextmanager
    def _watched(self, task: LoadTask, progress: Progress) -> Iterator[None]:
        """While a command runs, show how far it is: real counts, read from the database beside it."""
        if not task.progress:
            yield
            return
        stop = threading.Event()
        watcher = threading.Thread(target=self._poll, args=(task, progress, stop), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join()

    def _poll(self, task: LoadTask, progress: Progress, stop: threading.Event) -> None:
        import psycopg

        query, params = statement(self._sql(task.progress or "")), {"load_id": self.deployment.load_id}
        try:
            with self.deployment.site.connect(self.load.database) as connection:
                while not stop.wait(POLL):
                    row = connection.execute(query, params).fetchone()
                    if row and row[0] is not None:
                        progress.count(int(row[0]), int(row[1]) if len(row) > 1 and row[1] else None, task.name)
        except psycopg.Error as error:
            progress.say(f"{task.name}: no progress to show ({error.sqlstate or 'connection lost'})")

    def _samples(self) -> str | None:
        """Rows for people to judge, as CSV below the control folder; None when the system declares none."""
        if not self.load.samples:
            return None
        with self.deployment.site.connect(self.load.database) as connection:
            cursor = connection.execute(statement(self._sql(self.load.samples)), {"load_id": self.deployment.load_id})
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerow([column.name for column in cursor.description or ()])
            writer.writerows(cursor.fetchall())
        path = str(self.deployment.layout.control / "samples" / f"{self.deployment.id}.csv")
        self.deployment.site.write(path, text.getvalue())
        return path

    def undo_plan(self) -> list[Command]:
        """The rows of this load go, by their load id; then the release before mends what is derived from them."""
        if not self.load.undo:
            raise StepFailed("`load:` declares no `undo`, so its rows stay; restore the backup instead.")
        release = self.deployment.previous or self.deployment.release
        rows = Statement(
            self.load.database,
            self._sql(self.load.undo),
            {"load_id": self.deployment.load_id},
            note="the rows of this load, by their load id",
        )
        return [rows, *(self._run(task, release) for task in self.load.undo_commands)]

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        before = self._rows(self.deployment.load_id)
        for command in self.undo_plan():
            progress.say(command.note)
            self.deployment.site.execute(command)
        left = self._rows(self.deployment.load_id)
        if left:
            raise StepFailed(f"{left} of {before} rows of the load {self.deployment.load_id} are still there.")
        self._mark({"load_id": self.deployment.load_id, "undone": True, "done": []})
        return {"removed": before}


def statement(sql: str) -> bytes:
    """A query with `:load_id` as psycopg wants it."""
    return sql.replace("%", "%%").replace(":load_id", "%(load_id)s").encode()
