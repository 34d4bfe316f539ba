"""Runs of Airflow's DAGs: their states, their tasks, how long they took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from deploy.probes.airflow import part, there
from deploy.probes.base import Probe
from deploy.probes.bounds import Bounded
from deploy.probes.reading import every, table
from deploy.question import Airflow, Data
from deploy.result import Status, Verdict, judged, unknown
from deploy.scope import Scope

GOOD, BAD = frozenset({"success", "skipped"}), frozenset({"failed", "upstream_failed", "removed"})
WAITING = frozenset({"running", "queued", "scheduled", "none", "up_for_retry", "restarting", "deferred"})


class Runs(Probe):
    """Runs of a DAG that were due since the deployment succeeded; where too few ended yet, nothing is known."""

    name: ClassVar[str] = "airflow.runs"
    example: ClassVar[str] = "dag: nightly\nkind: scheduled\nat_least: 1"
    dag: str
    kind: Literal["scheduled", "manual"] = "scheduled"
    at_least: int = Field(1, ge=1)

    def ask(self, scope: Scope) -> Airflow:
        since = {"run_after_gte": scope.since.isoformat()} if scope.since else {}
        params = {"run_type": self.kind, "order_by": "-run_after", **since}
        return Airflow(f"dags/{part(scope.fill(self.dag))}/dagRuns", params)

    def judge(self, found: Data) -> Verdict:
        runs, expected = there(found)["dag_runs"], f"{self.at_least} or more {self.kind} runs, none failed"
        states = [str(run["state"]) for run in runs]
        good, bad = states.count("success"), states.count("failed")
        evidence = table(["run", "state", "seconds"], [_row(run) for run in runs]) if runs else ""
        if not bad and good < self.at_least:
            return unknown(expected, f"{good} succeeded, {len(runs) - good} on the way", evidence)
        return judged(not bad, expected, f"{good} succeeded, {bad} failed", evidence)


class Run(Probe):
    """One run, or the newest one, is in a state that is wanted."""

    name: ClassVar[str] = "airflow.run"
    example: ClassVar[str] = "dag: nightly\nrun: '{trial_run}'\nstates: [success]"
    dag: str
    run: str | None = None
    states: tuple[str, ...] = Field(("success",), min_length=1)

    def ask(self, scope: Scope) -> Airflow:
        path = f"dags/{part(scope.fill(self.dag))}/dagRuns"
        if self.run:
            return Airflow(f"{path}/{part(scope.fill(self.run))}")
        return Airflow(path, {"order_by": "-run_after", "limit": "1"})

    def judge(self, found: Data) -> Verdict:
        told, expected = found.value, " or ".join(self.states)
        runs = told.get("dag_runs", [told]) if isinstance(told, Mapping) else []
        if not runs:
            return unknown(expected, "there is no such run")
        state = str(runs[0]["state"])
        return judged(state in self.states, expected, state, table(["run", "state", "seconds"], [_row(runs[0])]))


class Tasks(Probe):
    """Tasks of one run have succeeded, and began in the order in which they are listed."""

    name: ClassVar[str] = "airflow.tasks"
    example: ClassVar[str] = "dag: nightly\nrun: '{trial_run}'\ntasks: [crawl, load]\nordered: true"
    dag: str
    run: str
    tasks: tuple[str, ...] = Field(min_length=1)
    ordered: bool = False

    def ask(self, scope: Scope) -> Airflow:
        return Airflow(f"{run_path(scope, self.dag, self.run)}/taskInstances")

    def judge(self, found: Data) -> Verdict:
        if found.value is None:
            return unknown("success", "there is no such run")
        by_name = _by_task(there(found)["task_instances"])
        states = [[_state(by_name.get(name, [])), name] for name in self.tasks]
        verdict = every("success", states, GOOD, WAITING)
        began = [min(map(_began, by_name.get(name, [])), default="") for name in self.tasks]
        if not self.ordered or verdict.status is not Status.PASS:
            return verdict
        text = " < ".join(name for _, name in sorted(zip(began, self.tasks, strict=True)))
        return judged(began == sorted(began), "this order: " + " < ".join(self.tasks), text, verdict.evidence)


def _by_task(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault(str(row["task_id"]), []).append(row)
    return found


def _state(rows: Sequence[Mapping[str, Any]]) -> str:
    """The worst state of a task's instances: one for most tasks, many for a mapped one."""
    states = [str(row["state"] or "none").lower() for row in rows]
    return min(states, key=lambda state: (state in GOOD, state not in BAD), default="absent")


def _began(row: Mapping[str, Any]) -> str:
    return str(row["start_date"] or "")


class Duration(Bounded, Probe):
    """How long a run took, in seconds, or one task of it; with `against`, as a part of what another run took."""

    name: ClassVar[str] = "airflow.duration"
    example: ClassVar[str] = "dag: nightly\nrun: '{trial_run}'\ntask: load\nbelow: 600"
    dag: str
    run: str | None = None  # default: the newest that succeeded
    task: str | None = None
    against: str | None = None  # the DAG whose newest success is compared with
    against_task: str | None = None

    def ask(self, scope: Scope) -> tuple[Airflow, ...]:
        run = scope.fill(self.run) if self.run else None
        asked = [_measured(scope.fill(self.dag), run, self.task)]
        if self.against:
            asked.append(_measured(scope.fill(self.against), None, self.against_task or self.task))
        return tuple(asked)

    def judge(self, *found: Data) -> Verdict:
        unit = " of its time" if self.against else " s"
        seconds = [_seconds(one.value) for one in found]
        if None in seconds or (self.against and not seconds[1]):
            return unknown(self.text(unit), "no run that ended to measure", str(seconds))
        value = seconds[0] if not self.against else float(seconds[0] or 0) / float(seconds[1] or 1)
        return self.verdict(value, unit, " and ".join(f"{one:g} s" for one in seconds if one is not None))


def _measured(dag: str, run: str | None, task: str | None) -> Airflow:
    """What tells a duration: one run, the newest success, or a task of either."""
    path, newest = f"dags/{part(dag)}/dagRuns", {"state": "success", "order_by": "-start_date", "limit": "1"}
    if task:
        where = f"{path}/{part(run) if run else '~'}/taskInstances"
        return Airflow(where, {"task_id": task, **newest})
    return Airflow(f"{path}/{part(run)}") if run else Airflow(path, newest)


def _seconds(value: object) -> float | None:
    if not isinstance(value, Mapping):
        return None
    rows = value.get("task_instances", value.get("dag_runs", [value]))
    return float(rows[0]["duration"]) if rows and rows[0].get("duration") is not None else None


def run_path(scope: Scope, dag: str, run: str) -> str:
    """Where a run is found."""
    return f"dags/{part(scope.fill(dag))}/dagRuns/{part(scope.fill(run))}"


def _row(run: Mapping[str, Any]) -> list[object]:
    return [run["dag_run_id"], run["state"], run.get("duration") or ""]
