"""Airflow: its REST API, and its command line where the API cannot be reached; which of them is chosen once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy.channels.airflow_api import Api, Refused, Unreachable
from deploy.channels.airflow_cli import Cli, NoSuchCommand
from deploy.command import Completed, Request, Run
from deploy.endpoints import Airflow as Endpoint
from deploy.errors import CommandFailed, StepFailed
from deploy.question import Airflow, Data, Unanswered
from deploy.secret import mask

AT_ONCE = 8
LOGIN = "login"  # the path of a question that is no GET: can the user log in afresh, and is the token good?
Execute = Callable[[Run], Completed]


def answer(questions: Sequence[Airflow], endpoint: Endpoint, url: str, run: Execute) -> list[Data | Unanswered]:
    """The answers in the order of the questions; what is not there (404) is Data whose value is None.

    Answers by way of the command line say so in their `note`. What it cannot tell is Unanswered, as is a refusal.
    """
    with Api(endpoint, url) as api:
        try:
            api.look()
        except Refused as error:
            return [Unanswered(error.why, error.evidence)] * len(questions)
        except Unreachable as error:
            return [_by_hand(question, endpoint, run, str(error)) for question in questions]
        with ThreadPoolExecutor(min(AT_ONCE, len(questions) or 1)) as pool:
            return list(pool.map(lambda question: _ask(api, question), questions))


def _ask(api: Api, question: Airflow) -> Data | Unanswered:
    started = time.monotonic()
    try:
        if question.path == LOGIN:
            return Data(_log_in(api), time.monotonic() - started)
        value = api.get(question.path, question.params, question.timeout)
        return Data(value, time.monotonic() - started)
    except Refused as error:
        return Unanswered(error.why, error.evidence, time.monotonic() - started)
    except Unreachable as error:
        return Unanswered(f"the API went away: {error}", took=time.monotonic() - started)
    except ValueError as error:
        return Unanswered(f"the API answered no JSON: {error}", took=time.monotonic() - started)


def _log_in(api: Api) -> dict[str, object]:
    """A healthy server may still let nobody in: a fresh token, and something asked with it."""
    try:
        api.token(fresh=True)
        api.get("dags", {"limit": "1"}, 20.0)
    except Refused as error:
        return {"accepted": error.status == 403, "why": error.why}
    return {"accepted": True, "why": ""}


def _by_hand(question: Airflow, endpoint: Endpoint, run: Execute, why: str) -> Data | Unanswered:
    started, away = time.monotonic(), f"the API is unreachable ({why})"
    if not endpoint.cli:
        return Unanswered(away)
    try:
        value = Cli(endpoint, run).get(question.path, question.params)
    except (NoSuchCommand, StepFailed, ValueError, LookupError) as error:
        text = mask(str(error))
        return Unanswered(f"{away}, and {text.splitlines()[0]}", text, time.monotonic() - started)
    return Data(value, time.monotonic() - started, f"by the command line: {away}")


def execute(request: Request, endpoint: Endpoint, url: str, run: Execute) -> Completed:
    """Change something. The exit is HTTP's status, `out` what was answered, `err` tells when the command line did it.

    Raises CommandFailed for a status that is not legal, StepFailed where neither way leads there.
    """
    started = time.monotonic()
    with Api(endpoint, url) as api:
        try:
            api.look()
            response = api.send(request.method, request.path, request.json, request.timeout)
        except Refused as error:
            raise _failed(request, error.status, error.why) from None
        except Unreachable as error:
            return _change_by_hand(request, endpoint, run, str(error))
    if response.status_code not in request.exits:
        raise _failed(request, response.status_code, response.text[:2000])
    return Completed(response.status_code, response.text, "", time.monotonic() - started)


def _change_by_hand(request: Request, endpoint: Endpoint, run: Execute, why: str) -> Completed:
    started, away = time.monotonic(), f"the API is unreachable ({why})"
    if not endpoint.cli:
        raise StepFailed(f"{request.method} {request.path}: {away}")
    try:
        status, said = Cli(endpoint, run).send(request)
    except (NoSuchCommand, ValueError) as error:
        raise StepFailed(f"{request.method} {request.path}: {away}, and {mask(str(error))}") from None
    if status not in request.exits:
        raise _failed(request, status, said)
    return Completed(status, said, f"by the command line: {away}", time.monotonic() - started)


def _failed(request: Request, status: int, said: str) -> CommandFailed:
    return CommandFailed(f"{request.method} {request.path.partition('?')[0]}", status, mask(said))
