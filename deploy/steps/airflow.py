"""What steps do with Airflow: read it with patience, pause and unpause, trigger a run and follow it to its end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from deploy.command import Completed, Request, Script
from deploy.errors import CommandFailed, StepFailed
from deploy.question import Airflow, Answer, Data, Unanswered
from deploy.reach import HERE
from deploy.site import Site
from deploy.steps.base import Progress

TRIES, BETWEEN = 10, 3.0  # how often, and after how many seconds, an API that is away is tried again
LASTING = ("no login", "not authenticated", "permission denied", "unsupported")  # what waiting does not mend
POLL = 1.0  # seconds between two looks at a run, or at a DAG that is parsed
ENDED = frozenset({"success", "failed"})
BUSY = ("running", "queued", "restarting")
GOOD = frozenset({"success", "skipped"})
MISSING = frozenset({200, 201, 204, 404})
LONG_AGO = "2000-01-01T00:00:00Z"


def part(name: str) -> str:
    """A name as a part of a path."""
    return quote(name, safe="")


def look(site: Site, path: str, **params: str) -> Answer | Unanswered:
    """One answer of Airflow, or why there is none."""
    return site.answer([(HERE, Airflow(path, params))])[0]


def read(site: Site, path: str, **params: str) -> Any:
    """What Airflow has at a path; None where there is no such thing. StepFailed when it does not tell, after a while.

    An API server that is being started again, or its stand-in, is waited for.
    """
    why = ""
    for left in reversed(range(TRIES)):
        answer = look(site, path, **params)
        if isinstance(answer, Data):
            return answer.value
        why = answer.why if isinstance(answer, Unanswered) else why
        if not left or why.startswith(LASTING):
            break
        time.sleep(BETWEEN)
    raise StepFailed(f"Airflow does not tell {path}: {why}")


def change(site: Site, request: Request) -> Completed:
    """Send a request, with the same patience; all of ours may be sent twice. StepFailed when it is refused."""
    for left in reversed(range(TRIES)):
        try:
            return site.execute(request)
        except CommandFailed:
            raise
        except StepFailed:
            if not left:
                raise
        time.sleep(BETWEEN)
    raise AssertionError("the last try returns or raises")


def dag(site: Site, name: str) -> Mapping[str, Any]:
    """What Airflow tells of a DAG; StepFailed when it has none of that name."""
    found = read(site, f"dags/{part(name)}")
    if not found or found.get("is_stale"):
        raise StepFailed(f"Airflow has no DAG {name}.")
    return dict(found)


def appear(site: Site, names: Iterable[str], timeout: float) -> None:
    """Wait until Airflow knows the DAGs: after it was started anew it has to read them first. StepFailed in the end."""
    give_up = time.monotonic() + timeout
    for name in names:
        while not (found := read(site, f"dags/{part(name)}")) or found.get("is_stale"):
            if time.monotonic() > give_up:
                raise StepFailed(f"Airflow has no DAG {name}, not even after {timeout:g} s.")
            time.sleep(POLL)


def there(site: Site, names: Iterable[str]) -> list[str]:
    """Those of the DAGs that Airflow has now."""
    found = {name: read(site, f"dags/{part(name)}") for name in names}
    return [name for name, one in found.items() if one and not one.get("is_stale")]


def pauses(site: Site, names: Iterable[str]) -> dict[str, bool]:
    """Which of the DAGs are paused."""
    return {name: bool(dag(site, name)["is_paused"]) for name in names}


def pausing(name: str, paused: bool) -> Request:
    """The request that pauses a DAG, or unpauses it."""
    path = f"dags/{part(name)}?update_mask=is_paused"
    return Request("PATCH", path, {"is_paused": paused}, note=f"{'pause' if paused else 'unpause'} {name}")


def set_pauses(site: Site, wanted: Mapping[str, bool]) -> list[str]:
    """Have each DAG paused as wanted, pausing first; what changed, DAG by DAG. StepFailed where one does not follow.

    A command that was obeyed proves nothing (the command line obeys for DAGs that do not exist), so they are read back.
    """
    now = pauses(site, wanted)
    changing = sorted((name for name in wanted if now[name] != wanted[name]), key=lambda name: not wanted[name])
    for name in changing:
        change(site, pausing(name, wanted[name]))
    after = pauses(site, wanted)
    wrong = [name for name in wanted if after[name] != wanted[name]]
    if wrong:
        raise StepFailed(f"Not {'paused' if wanted[wrong[0]] else 'unpaused'} as asked: {', '.join(wrong)}.")
    return changing


def triggering(name: str, run_id: str, conf: Mapping[str, Any], *, first: bool = False) -> Request:
    """The request that makes a run of our own name. That it exists already (409) is as good: we were cut off.

    With `first` it goes before every run that the schedule owes: the scheduler begins the one that is due longest.
    """
    body = {
        "logical_date": None,
        "dag_run_id": run_id,
        "conf": dict(conf),
        **({"run_after": LONG_AGO} if first else {}),
    }
    exits = frozenset({200, 201, 409})
    return Request("POST", f"dags/{part(name)}/dagRuns", body, exits=exits, note=f"run {name} as {run_id}")


@dataclass
class DagRun:
    """A run of a DAG, named by us and so never mistaken for another one."""

    site: Site
    dag: str
    id: str
    seen: dict[str, str] = field(default_factory=dict)
    way: str = ""  # an unusual way by which Airflow's answers come

    @property
    def path(self) -> str:
        return f"dags/{part(self.dag)}/dagRuns/{part(self.id)}"

    def state(self) -> str:
        """Its state; empty when there is no such run."""
        found = read(self.site, self.path)
        return str(found["state"]) if found else ""

    def follow(self, progress: Progress, timeout: float) -> dict[str, Any]:
        """Wait for its end, telling each task that changes; `state`, `seconds` and `tasks`. StepFailed in the end.

        While Airflow cannot be asked, the run goes on all the same, so it is waited for until the time is over.
        """
        give_up = time.monotonic() + timeout
        while True:
            answer = look(self.site, self.path)
            self._tell_way(answer, progress)
            found = answer.value if isinstance(answer, Data) else None
            if isinstance(found, dict):
                self._tell(progress)
                if found["state"] in ENDED:
                    return self._ended(found)
            if time.monotonic() > give_up:
                raise StepFailed(f"{self.dag}: the run {self.id} did not end within {timeout:g} s.")
            time.sleep(POLL)

    def _tell_way(self, answer: Answer | Unanswered, progress: Progress) -> None:
        """Say once when the command line stands in, when nobody answers, and when the API is back."""
        way = f"in vain: {answer.why}" if isinstance(answer, Unanswered) else getattr(answer, "note", "")
        if way != self.way:
            progress.say(f"{self.dag}: asked {way or 'by the API again'}")
        self.way = way

    def _tell(self, progress: Progress) -> None:
        tasks = self.tasks()
        for name, state in tasks.items():
            if state != self.seen.get(name) and state not in ("none", "scheduled"):
                progress.say(f"{name}: {state}")
        self.seen = tasks
        done = sum(state in GOOD for state in tasks.values())
        busy = [name for name, state in tasks.items() if state in BUSY]
        progress.count(done, len(tasks) or None, f"tasks of {self.dag}" + (f", now {', '.join(busy)}" if busy else ""))

    def tasks(self) -> dict[str, str]:
        """The state of each task, the mapped ones by their number; empty while nobody tells."""
        answer = look(self.site, f"{self.path}/taskInstances")
        found = answer.value if isinstance(answer, Data) else None
        rows = found["task_instances"] if isinstance(found, dict) else []
        return {_named(row): str(row["state"]).lower() for row in rows}

    def _ended(self, found: Mapping[str, Any]) -> dict[str, Any]:
        tasks = self.tasks()
        return {"run_id": self.id, "state": found["state"], "seconds": found.get("duration"), "tasks": tasks}

    def require_success(self, told: Mapping[str, Any]) -> None:
        if told["state"] != "success":
            bad = [f"{name}: {state}" for name, state in told["tasks"].items() if state not in GOOD]
            raise StepFailed(f"{self.dag}: the run {self.id} ended as {told['state']} ({', '.join(bad)}).")

    def end(self) -> bool:
        """Have it ended if it is still on its way, so that no later unpausing goes on with it; whether it was."""
        if self.state() in ("", *ENDED):
            return False
        request = Request("PATCH", f"{self.path}?update_mask=state", {"state": "failed"}, note=f"end the run {self.id}")
        change(self.site, request)
        return True


def clearing(name: str, run_id: str) -> Request:
    """The request that has a run done once more, from its first task."""
    path = f"dags/{part(name)}/dagRuns/{part(run_id)}/clear"
    return Request("POST", path, {"dry_run": False}, exits=MISSING, note=f"have {run_id} done once more")


def waiting(path: str, until: str, note: str) -> Script:
    """A wait, as a plan prints it: until what Airflow tells of a path has this in it (an extended regular expression).

    The step itself waits with a limit, and shows how far it is.
    """
    look = f'curl -fsS -H "Authorization: Bearer $AIRFLOW_TOKEN" "$AIRFLOW_API/{path}"'
    return Script(f"until {look} | grep -qE '{until}'; do sleep 2; done", note=note)


def run_ends(name: str, run_id: str) -> Script:
    """The wait for a run's end, for a plan."""
    path = f"dags/{part(name)}/dagRuns/{part(run_id)}"
    return waiting(path, '"state":"(success|failed)"', f"wait for the end of {run_id}; it must be success")


def _named(row: Mapping[str, Any]) -> str:
    index = row.get("map_index", -1)
    return str(row["task_id"]) if index in (-1, None) else f"{row['task_id']}[{index}]"


def parse_again(site: Site, names: Iterable[str], progress: Progress, timeout: float) -> None:
    """Wait until Airflow has read the DAGs' files anew: variables that they read while being parsed count only then.

    Twice, for what is being parsed while we ask may have begun before our change. A file that cannot be imported is not
    waited for: the items say so.
    """
    for name in names:
        if all(_parsed_anew(site, name, timeout) for _ in range(2)):
            progress.say(f"{name} is read again")
        else:
            progress.say(f"{name} is not read again: there are import errors")


def _parsed_anew(site: Site, name: str, timeout: float) -> bool:
    """Ask for the DAG and wait for it; False as soon as an import error is told that was not there before."""
    before, give_up = _parsed(site, name), time.monotonic() + timeout
    errors = _errors(site) if before else {}
    if before:
        ask_to_parse(site, name)
    while (now := _parsed(site, name)) == before or not now:
        if _errors(site).items() - errors.items():
            return False
        if time.monotonic() > give_up:
            raise StepFailed(f"Airflow did not read the DAG {name} again within {timeout:g} s.")
        time.sleep(POLL / 2)
    return True


def _parsed(site: Site, name: str) -> str:
    """When the DAG was read last; empty where Airflow has none."""
    found = read(site, f"dags/{part(name)}")
    return str(found["last_parsed_time"]) if found and not found.get("is_stale") else ""


def _errors(site: Site) -> dict[str, str]:
    """The files that cannot be imported, with the time when that was seen last; none while nobody tells."""
    answer = look(site, "importErrors")
    found = answer.value if isinstance(answer, Data) else None
    rows = found["import_errors"] if isinstance(found, dict) else []
    return {str(one["filename"]): str(one["timestamp"]) for one in rows}


def ask_to_parse(site: Site, name: str) -> None:
    """Ask for a DAG to be parsed next (409: it will be). Where only the command line is left, its interval decides."""
    token = part(str(dag(site, name).get("file_token") or "unknown"))
    try:
        site.execute(Request("PUT", f"parseDagFile/{token}", exits=frozenset({200, 201, 204, 404, 409})))
    except StepFailed:
        return


def busy(site: Site, names: Iterable[str]) -> Iterator[str]:
    """The task instances of these DAGs that are at work, or about to be."""
    for name in names:
        for state in BUSY:
            found = read(site, f"dags/{part(name)}/dagRuns/~/taskInstances", state=state)
            for row in (found or {}).get("task_instances", []):
                yield f"{name}.{_named(row)}"
