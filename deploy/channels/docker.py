"""The Docker Engine: all questions about one Compose project, at once, over its socket."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from deploy import endpoints
from deploy.channels import docker_reads as reads
from deploy.channels.docker_api import Engine, Refused
from deploy.question import Data, Docker, Unanswered
from deploy.secret import mask

Read = Callable[[Engine, str, Mapping[str, Any]], object]
READS: Mapping[str, Read] = {
    "engine": reads.engine,
    "services": reads.services,
    "stats": reads.stats,
    "logs": reads.logs,
    "exec": reads.execute,
}
UNEXPECTED = (ValueError, TypeError, LookupError, AttributeError)  # an answer that is not as the API has it


def answer(questions: Sequence[Docker], endpoint: endpoints.Docker, socket: str) -> list[Data | Unanswered]:
    """The answers in the order of the questions; `socket` is where this machine reaches the Engine: a path or a URL.

    Containers are found by the labels that Compose gives them, never by their names.
    """
    with ThreadPoolExecutor(len(questions) or 1) as pool:
        return list(pool.map(lambda question: _ask(question, endpoint.project, socket), questions))


def _ask(question: Docker, project: str, socket: str) -> Data | Unanswered:
    if question.what not in READS:
        return Unanswered(f"{question.what}: not a question to the Docker Engine")
    started = time.monotonic()
    try:
        engine = Engine(socket, question.timeout)
        with engine.client:
            value = READS[question.what](engine, project, question.options)
        return Data(value, time.monotonic() - started)
    except httpx.TimeoutException:
        return Unanswered(f"timed out after {question.timeout:g} s", socket, time.monotonic() - started)
    except (Refused, httpx.HTTPError, *UNEXPECTED) as error:
        return Unanswered(_why(error), mask(str(error)), time.monotonic() - started)


def _why(error: Exception) -> str:
    text = mask(str(error)) or type(error).__name__
    return text if isinstance(error, Refused | httpx.HTTPError) else f"an unexpected answer: {type(error).__name__}"
