"""Airflow: its health, its DAGs, its variables and pools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.bounds import Bounded
from deploy.probes.reading import every
from deploy.question import Airflow, Data
from deploy.result import Verdict, failed, judged
from deploy.scope import Scope

HEALTHY = ("metadatabase", "scheduler", "dag_processor")
Text = Annotated[str, Field(strict=True)]


class Health(Probe):
    """Every component of Airflow that is named says it is healthy."""

    name: ClassVar[str] = "airflow.health"
    example: ClassVar[str] = "components: [metadatabase, scheduler, dag_processor]"
    components: tuple[str, ...] = Field(HEALTHY, min_length=1)

    def ask(self, scope: Scope) -> Airflow:
        return Airflow("monitor/health")

    def judge(self, found: Data) -> Verdict:
        told = dict(there(found))
        states = [[str((told.get(name) or {}).get("status") or "absent"), name] for name in self.components]
        return every("healthy", states, {"healthy"})


class Login(Probe):
    """The configured user can log in afresh, and the token is good for something."""

    name: ClassVar[str] = "airflow.login"
    example: ClassVar[str] = "{}"

    def ask(self, scope: Scope) -> Airflow:
        return Airflow("login")

    def judge(self, found: Data) -> Verdict:
        told = there(found)
        return judged(told["accepted"] is True, "accepted", "accepted" if told["accepted"] else str(told["why"]))


class Dag(Probe):
    """A DAG is known and parsed, paused or not as it should be, and has the schedule that it should have."""

    name: ClassVar[str] = "airflow.dag"
    example: ClassVar[str] = "dag: nightly\npaused: false\nschedule: '@daily'"
    dag: str
    paused: bool | None = None
    schedule: str | bool | None = None  # true: any, false: none

    def ask(self, scope: Scope) -> Airflow:
        return Airflow(f"dags/{part(scope.fill(self.dag))}")

    def judge(self, found: Data) -> Verdict:
        told, expected = found.value, self._expected()
        if not isinstance(told, Mapping) or told.get("is_stale"):
            return failed(expected, "no such DAG" if not told else "its file is gone")
        schedule = told.get("timetable_summary")
        good = not told.get("has_import_errors") and self.paused in (None, told["is_paused"]) and self._fits(schedule)
        return judged(good, expected, ", ".join(_words(told["is_paused"], schedule)))

    def _expected(self) -> str:
        return ", ".join(["there", *([] if self.paused is None else _words(self.paused)), *self._wanted()])

    def _wanted(self) -> list[str]:
        any_of = {None: [], True: ["any schedule"], False: ["no schedule"]}
        return any_of[self.schedule] if isinstance(self.schedule, bool | None) else [f"schedule {self.schedule}"]

    def _fits(self, schedule: str | None) -> bool:
        if isinstance(self.schedule, bool):
            return bool(schedule) is self.schedule
        return self.schedule is None or ALIASES.get(self.schedule, self.schedule) == schedule


ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}


def _words(paused: object, *schedule: object) -> list[str]:
    return ["paused" if paused else "not paused", *(f"schedule {one or 'none'}" for one in schedule)]


class ImportErrors(Probe):
    """Airflow could import every DAG file."""

    name: ClassVar[str] = "airflow.import_errors"
    example: ClassVar[str] = "{}"

    def ask(self, scope: Scope) -> Airflow:
        return Airflow("importErrors")

    def judge(self, found: Data) -> Verdict:
        errors = there(found)["import_errors"]
        files = [str(error["filename"]).rpartition("/")[2] for error in errors]
        evidence = "\n".join(f"{error['filename']}: {error['stack_trace']}" for error in errors)
        return judged(not errors, "no import errors", ", ".join(files) or "none", evidence)


class Variables(Probe):
    """Variables have exactly these values, compared as text (Airflow writes JSON among them in its own way)."""

    name: ClassVar[str] = "airflow.variables"
    example: ClassVar[str] = "values: {workers: '5', rate_limit: '0.5'}"
    values: Mapping[str, Text] = Field(min_length=1)

    def ask(self, scope: Scope) -> tuple[Airflow, ...]:
        return tuple(Airflow(f"variables/{part(key)}") for key in self.values)

    def judge(self, *found: Data) -> Verdict:
        lines = []
        for (key, wanted), one in zip(self.values.items(), found, strict=True):
            value = one.value["value"] if isinstance(one.value, Mapping) else None
            right = value is not None and canonical(str(value)) == canonical(wanted)
            lines.append([wanted if right else "absent" if value is None else f"{value}, not {wanted}", key])
        return every(", ".join(f"{k} = {v}" for k, v in self.values.items()), lines, set(self.values.values()))


class Pool(Bounded, Probe):
    """A pool is there, with a number of slots within bounds."""

    name: ClassVar[str] = "airflow.pool"
    example: ClassVar[str] = "pool: crawl_pool\nat_least: 6"
    pool: str

    def ask(self, scope: Scope) -> Airflow:
        return Airflow(f"pools/{part(self.pool)}")

    def judge(self, found: Data) -> Verdict:
        if found.value is None:
            return failed(self.text(" slots"), "no such pool")
        told = there(found)
        used = "".join(f"{key}: {told[key]}\n" for key in ("occupied_slots", "queued_slots") if key in told)
        return self.verdict(told["slots"], " slots", used)


def canonical(text: str) -> str:
    """A variable's value as Airflow's API tells it: what is JSON is written anew (0.50 is 0.5)."""
    try:
        return json.dumps(json.loads(text))
    except ValueError:
        return text


def part(name: str) -> str:
    """A name as a part of a path."""
    return quote(name, safe="")


def there(found: Data) -> Mapping[str, Any]:
    """The answer; what is not there at all surprises, and so is unknown."""
    if not isinstance(found.value, Mapping):
        raise ValueError("Airflow has no such thing")
    return found.value
