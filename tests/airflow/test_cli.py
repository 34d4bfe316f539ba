"""What Airflow's command line prints, read as the API's answers; and servers that are no Airflow 3."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.channels.airflow import answer, execute
from deploy.command import Completed, Request, Run
from deploy.endpoints import Airflow as Endpoint
from deploy.errors import CommandFailed, StepFailed
from deploy.question import Airflow, Data, Unanswered

AWAY = "http://127.0.0.1:1"
LISTING = """\
some plug-in says hello
[{"dag_id": "d", "run_id": "r1", "state": "success", "run_after": "2026-01-01T00:00:00+00:00", "logical_date": "",
"start_date": "2026-01-01T00:00:01+00:00", "end_date": "2026-01-01T00:00:03+00:00"},
{"dag_id": "d", "run_id": "scheduled__x", "state": "failed", "run_after": "2026-01-02T00:00:00+00:00",
"logical_date": "", "start_date": "", "end_date": ""}]"""


class Shell:
    """Prints what it was told to, and remembers what was run."""

    def __init__(self, out: str = "", err: str = "", code: int = 0) -> None:
        self.ran: list[Run] = []
        self.done = Completed(code, out, err, 0.1)

    def __call__(self, run: Run) -> Completed:
        self.ran.append(run)
        return self.done


def endpoint(url: str = AWAY, cli: tuple[str, ...] = ("docker", "exec", "airflow")) -> Endpoint:
    return Endpoint.model_validate({"url": url, "user": "admin", "password": "canary", "cli": cli, "timeout": 5})


def ask(shell: Shell, path: str, **params: str) -> Data | Unanswered:
    return answer([Airflow(path, params)], endpoint(), AWAY, shell)[0]


def value(answered: Data | Unanswered) -> object:
    assert isinstance(answered, Data), answered
    assert answered.note.startswith("by the command line")
    return answered.value


def test_runs_are_chosen_and_measured_as_the_api_would() -> None:
    shell = Shell(LISTING)
    found = value(ask(shell, "dags/a%2Fb/dagRuns", run_type="manual", order_by="-run_after"))
    assert isinstance(found, dict)
    assert [(run["dag_run_id"], run["duration"]) for run in found["dag_runs"]] == [("r1", 2.0)]
    (ran,) = shell.ran
    assert ran.argv == ("docker", "exec", "airflow", "dags", "list-runs", "a/b", "-o", "json")
    assert (ran.on, ran.timeout) == ("control", 30.0)
    since = value(ask(shell, "dags/d/dagRuns", run_after_gte="2026-01-02T00:00:00+00:00"))
    assert isinstance(since, dict) and [run["run_type"] for run in since["dag_runs"]] == ["scheduled"]
    one = value(ask(shell, "dags/d/dagRuns/r1"))
    assert isinstance(one, dict) and one["state"] == "success"
    assert value(ask(shell, "dags/d/dagRuns/r2")) is None


def test_words_for_truth_become_truth() -> None:
    found = value(ask(Shell('[{"dag_id": "d", "is_paused": "False", "timetable_summary": "None"}]'), "dags/d"))
    assert found == {"dag_id": "d", "is_paused": False, "timetable_summary": None}


def test_import_errors_end_with_1_and_are_an_answer_all_the_same() -> None:
    found = value(ask(Shell('[{"filepath": "/x.py", "error": "boom"}]', code=1), "importErrors"))
    assert found == {"import_errors": [{"filename": "/x.py", "stack_trace": "boom"}], "total_entries": 1}


def test_a_variable_is_its_text() -> None:
    assert value(ask(Shell(" 0.50\n"), "variables/v")) == {"key": "v", "value": " 0.50"}


def test_what_is_not_there_and_what_cannot_be_asked_are_not_the_same() -> None:
    assert value(ask(Shell(err="Variable v does not exist", code=1), "variables/v")) is None
    gone = ask(Shell(err="service airflow-scheduler is not running", code=1), "variables/v")
    assert isinstance(gone, Unanswered) and "is not running" in gone.why
    for path in ("monitor/health", "login", "dags/~/dagRuns/~/taskInstances"):
        assert "command line cannot tell" in getattr(ask(Shell(), path), "why", "")
    assert isinstance(ask(Shell("no table"), "dags/d"), Unanswered)
    without = answer([Airflow("dags/d")], endpoint(cli=()), AWAY, Shell())[0]
    assert isinstance(without, Unanswered) and without.why.startswith("the API is unreachable")


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request("PATCH", "dags/d?update_mask=is_paused", {"is_paused": True}), "dags pause d"),
        (Request("PATCH", "dags/d", {"is_paused": False}), "dags unpause d"),
        (Request("POST", "variables", {"key": "k", "value": "0.50"}), "variables set k 0.50"),
        (Request("PATCH", "variables/k?update_mask=value", {"key": "k", "value": "1"}), "variables set k 1"),
        (Request("DELETE", "variables/k"), "variables delete k"),
        (
            Request("POST", "dags/d/dagRuns", {"logical_date": None, "dag_run_id": "r", "conf": {}}),
            "dags trigger d --run-id r --conf {} -o json",
        ),
    ],
)
def test_changes_by_the_command_line(request_: Request, words: str) -> None:
    shell = Shell()
    done = execute(request_, endpoint(), AWAY, shell)
    assert done.err.startswith("by the command line") and " ".join(shell.ran[0].argv[3:]) == words


def test_a_run_that_exists_is_a_conflict_and_a_dag_that_does_not_is_missing() -> None:
    trigger = Request("POST", "dags/d/dagRuns", {"dag_run_id": "r"}, exits=frozenset({409}))
    assert execute(trigger, endpoint(), AWAY, Shell(err="DagRunAlreadyExists: r", code=1)).exit == 409
    with pytest.raises(CommandFailed, match="exited 404"):
        execute(trigger, endpoint(), AWAY, Shell(err="Dag id d not found", code=1))
    with pytest.raises(StepFailed, match="has nothing for PUT"):
        execute(Request("PUT", "parseDagFile/x"), endpoint(), AWAY, Shell())


class Old(BaseHTTPRequestHandler):
    """An Airflow 2, as far as one can see; everything under /proxy/ is a proxy before nothing."""

    def do_GET(self) -> None:
        code = 502 if self.path.startswith("/proxy/") else 200 if self.path == "/api/v1/health" else 404
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps({"detail": "nothing"}).encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def old() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Old)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_airflow_2_is_called_unsupported(old: str) -> None:
    (found,) = answer([Airflow("dags")], endpoint(old), old, Shell())
    assert isinstance(found, Unanswered) and found.why.startswith("unsupported: Airflow 2 answers here")
    with pytest.raises(CommandFailed, match="unsupported"):
        execute(Request("DELETE", "variables/k"), endpoint(old), old, Shell())


def test_a_proxy_before_nothing_is_no_api(old: str) -> None:
    (found,) = answer([Airflow("variables/v")], endpoint(), f"{old}/proxy", Shell("5\n"))
    assert isinstance(found, Data) and "answered 502" in found.note
