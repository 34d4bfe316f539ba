"""Airflow's command line, read as its API is: the fallback. A call takes seconds, and tells less than the API."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from deploy.command import Completed, Request, Run
from deploy.endpoints import Airflow

LEAST = 30.0  # seconds that a call may take at least: it imports all of Airflow
ABSENT = re.compile(r"does not exist|not found", re.IGNORECASE)
EXISTS = re.compile(r"AlreadyExists|already exists")
WORDS = {"True": True, "False": False, "None": None, "": None}
CHOSEN = ("run_type", "state")
Parse = Callable[[str, list[str], Mapping[str, str]], Any]


class NoSuchCommand(Exception):
    """The command line has nothing for what was asked."""


@dataclass(frozen=True)
class Cli:
    """The command line of an endpoint; `run` executes it on the control host, and raises StepFailed where it cannot."""

    endpoint: Airflow
    run: Callable[[Run], Completed]

    def get(self, path: str, params: Mapping[str, str]) -> Any:
        """As `Api.get`, for the paths that the command line knows. Raises NoSuchCommand, ValueError, StepFailed."""
        for pattern, words, parse in READS:
            if match := re.fullmatch(pattern, path):
                names = [unquote(name) for name in match.groups()]
                done = self._call([names[int(word[1])] if word.startswith("$") else word for word in words])
                if done.exit and ABSENT.search(done.err):
                    return None
                return parse(done.out, names, params) if not done.exit or parse is _errors else _failed(done)
        raise NoSuchCommand(f"the command line cannot tell {path}")

    def send(self, request: Request) -> tuple[int, str]:
        """As the API would: an HTTP status, and what was said."""
        words = _changing(request)
        done = self._call(words)
        if done.exit and EXISTS.search(done.err):
            return 409, done.err.strip()
        if done.exit and ABSENT.search(done.err):
            return 404, done.err.strip()
        if done.exit:
            _failed(done)
        return 200, done.out.strip()

    def _call(self, words: list[str]) -> Completed:
        argv = (*self.endpoint.cli, *words)
        timeout = max(LEAST, self.endpoint.timeout)
        return self.run(
            Run(argv, env=self.endpoint.env, timeout=timeout, exits=frozenset({0, 1}), on="control", note="airflow")
        )


def _failed(done: Completed) -> Any:
    last = (done.err.strip() or done.out.strip() or "nothing was said").splitlines()[-1]
    raise ValueError(f"exited {done.exit}: {last}")


def _changing(request: Request) -> list[str]:
    """The words that change the same as a request."""
    path, body = request.path.partition("?")[0], dict(request.json or {})
    names = [unquote(part) for part in path.split("/")]
    if request.method == "PATCH" and names[0] == "dags" and len(names) == 2 and "is_paused" in body:
        return ["dags", "pause" if body["is_paused"] else "unpause", names[1]]
    if names[0] == "variables" and request.method in ("POST", "PATCH"):
        return ["variables", "set", str(body.get("key", names[-1])), str(body["value"])]
    if names[0] == "variables" and request.method == "DELETE":
        return ["variables", "delete", names[1]]
    if request.method == "POST" and names[0] == "dags" and names[2:] == ["dagRuns"]:
        conf = json.dumps(body.get("conf") or {})
        return ["dags", "trigger", names[1], "--run-id", str(body["dag_run_id"]), "--conf", conf, "-o", "json"]
    raise NoSuchCommand(f"the command line has nothing for {request.method} {path}")


def rows(out: str) -> list[dict[str, Any]]:
    """The table that a command prints as JSON, after whatever it prints before; words for truth become truth."""
    lines = out.splitlines()
    start = next((index for index, line in enumerate(lines) if line.startswith("[")), None)
    if start is None:
        if "No data found" in out:
            return []
        raise ValueError(f"printed no table: {out.strip()[:200]}")
    table = json.loads("\n".join(lines[start:]))
    return [{k: WORDS.get(v, v) if isinstance(v, str) else v for k, v in row.items()} for row in table]


def _version(out: str, names: list[str], params: Mapping[str, str]) -> Any:
    return {"version": out.strip().splitlines()[-1]}


def _one(out: str, names: list[str], params: Mapping[str, str]) -> Any:
    return rows(out)[0]


def _dags(out: str, names: list[str], params: Mapping[str, str]) -> Any:
    found = rows(out)
    _only(params, "paused", "limit", "order_by")
    if "paused" in params:
        found = [dag for dag in found if str(dag["is_paused"]).lower() == params["paused"]]
    return {"dags": found, "total_entries": len(found)}


def _errors(out: str, names: list[str], params: Mapping[str, str]) -> Any:
    found = [{"filename": row.get("filepath"), "stack_trace": row.get("error")} for row in rows(out)]
    return {"import_errors": found, "total_entries": len(found)}


def _variable(out: str, names: list[str], params: Mapping[str, str]) -> Any:
    return {"key": names[0], "value": out.removesuffix("\n")}


def _pool(out: str, names: list[str], params: Mapping[str, str]) -> Any:
    row = rows(out)[0]
    return {**row, "name": row["pool"], "slots": int(row["slots"])}


def _only(params: Mapping[str, str], *known: str) -> None:
    """Refuse what would have to be left out of account."""
    if other := sorted(set(params) - set(known)):
        raise NoSuchCommand(f"the command line cannot choose by {', '.join(other)}")


def _runs(out: str, names: list[str], params: Mapping[str, str]) -> Any:
    """The runs that the parameters ask for, newest first; the type of a run is in its name."""
    _only(params, "run_type", "state", "run_after_gte", "order_by", "limit")
    found = [run for run in map(_run, rows(out)) if all(run[key] == params.get(key, run[key]) for key in CHOSEN)]
    if since := params.get("run_after_gte"):
        found = [run for run in found if _time(run["run_after"]) >= _time(since)]
    found.sort(key=lambda run: _time(run["run_after"]), reverse=True)
    return {"dag_runs": found[: int(params.get("limit", len(found)))], "total_entries": len(found)}


def _run(row: dict[str, Any]) -> dict[str, Any]:
    kind = "scheduled" if str(row["run_id"]).startswith("scheduled__") else "manual"
    return {**row, "dag_run_id": row["run_id"], "run_type": kind, "duration": _seconds(row)}


def _seconds(row: dict[str, Any]) -> float | None:
    start, end = row.get("start_date"), row.get("end_date")
    return (_time(end) - _time(start)).total_seconds() if start and end else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _one_run(out: str, names: list[str], params: Mapping[str, str]) -> Any:
    return next((run for run in map(_run, rows(out)) if run["run_id"] == names[1]), None)


def _tasks(out: str, names: list[str], params: Mapping[str, str]) -> Any:
    _only(params, "task_id", "state", "order_by", "limit")
    found = [{**row, "map_index": int(row.get("map_index") or -1), "duration": _seconds(row)} for row in rows(out)]
    chosen = {key: params[key] for key in ("task_id", "state") if key in params}
    found = [row for row in found if all(row[key] == wanted for key, wanted in chosen.items())]
    return {"task_instances": found[: int(params.get("limit", len(found)))], "total_entries": len(found)}


# fmt: off
READS: list[tuple[str, list[str], Parse]] = [
    (r"version", ["version"], _version),
    (r"dags", ["dags", "list", "-o", "json"], _dags),
    (r"dags/([^/]+)", ["dags", "details", "$0", "-o", "json"], _one),
    (r"importErrors", ["dags", "list-import-errors", "-o", "json"], _errors),
    (r"variables/([^/]+)", ["variables", "get", "$0"], _variable),
    (r"pools/([^/]+)", ["pools", "get", "$0", "-o", "json"], _pool),
    (r"dags/([^/~]+)/dagRuns", ["dags", "list-runs", "$0", "-o", "json"], _runs),
    (r"dags/([^/~]+)/dagRuns/([^/~]+)", ["dags", "list-runs", "$0", "-o", "json"], _one_run),
    (r"dags/([^/~]+)/dagRuns/([^/~]+)/taskInstances", ["tasks", "states-for-dag-run", "$0", "$1", "-o", "json"],
     _tasks),
]
# fmt: on
