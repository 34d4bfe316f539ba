"""Waiting for services: what is told, what ends the wait, and an Engine that is away for a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.command import Completed, Script
from deploy.errors import StepFailed
from deploy.question import Data, Docker, Unanswered
from deploy.steps import readiness
from deploy.steps.readiness import Watch
from deploy.workload import Compose
from tests.backups.world import Said

ROW = {
    "service": "web",
    "number": 1,
    "id": "a",
    "state": "running",
    "health": "healthy",
    "health_said": "",
    "restarts": 0,
    "oom_killed": False,
    "exit": 0,
    "error": "",
    "started_at": "2026-01-01T00:00:00Z",
}
LOGS = Data([{"service": "web", "number": 1, "lines": [["2026", "stderr", "no table listing"]]}])
AWAY = Unanswered("no Docker Engine answers")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "POLL", 0.0)
    monkeypatch.setattr(readiness, "STEADY", 0.0)


def row(**told: Any) -> Data:
    return Data([{**ROW, **told}])


class Engine:
    """Answers from a list, the last one again and again; log lines at any time."""

    def __init__(self, answers: Sequence[Data | Unanswered]) -> None:
        self.answers = self._all(answers)

    def _all(self, answers: Sequence[Data | Unanswered]) -> Iterator[Data | Unanswered]:
        yield from answers
        while True:
            yield answers[-1]

    def hosts(self, role: str) -> list[str]:
        return ["localhost"]

    def execute(self, command: object) -> Completed:
        return Completed(0, "", "", 0.0)

    def answer(self, asked: Sequence[tuple[str, Docker]]) -> list[Data | Unanswered]:
        return [LOGS if question.what == "logs" else next(self.answers) for _, question in asked]


def watch(*answers: Data | Unanswered, **compose: Any) -> Watch:
    deployment: Any = SimpleNamespace(site=Engine(answers))
    described = Compose.model_validate({"services": ["web"], **compose})
    return Watch(deployment, described, ["web"], Said())


def said(watched: Watch) -> list[str]:
    progress = watched.progress
    assert isinstance(progress, Said)
    return [line.partition(" (")[0] for line in progress.lines if "services ready" not in line]


def test_each_change_is_told_once_until_all_are_ready() -> None:
    starting = row(health="starting")
    watched = watch(Data([]), starting, starting, AWAY, row())
    assert watched.until_ready(60) == {"web": "healthy"}
    assert said(watched) == [
        "web: no container",
        "web: running, health not known yet",
        "the Engine: The Docker Engine cannot be asked: no Docker Engine answers.",
        "web: healthy",
    ]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"health": "unhealthy"}, "web: unhealthy"),
        ({"state": "exited", "exit": 3}, "web: exited with code 3"),
        ({"state": "restarting", "restarts": 3}, "web: restarting, 3 times so far"),
    ],
)
def test_a_broken_service_ends_the_wait_with_its_log_lines(told: dict[str, Any], words: str) -> None:
    with pytest.raises(StepFailed, match=rf"{words}\n  \| web: no table listing"):
        watch(row(state="created"), row(**told)).until_ready(60)


@pytest.mark.parametrize("answer", [row(health="starting"), Data([]), AWAY])
def test_the_wait_has_an_end(answer: Data | Unanswered) -> None:
    with pytest.raises(StepFailed, match="Not every service is ready after 0 s"):
        watch(answer).until_ready(0)


def test_what_was_unhealthy_before_may_recover_and_what_is_made_anew_may_not() -> None:
    sick = row(health="unhealthy")
    watched = watch(sick, sick, sick, row())
    watched.run(Script("true"))
    assert watched.until_ready(60) == {"web": "healthy"}
    watched = watch(sick, sick, row(health="unhealthy", id="b"))
    watched.run(Script("true"))
    with pytest.raises(StepFailed, match="Not every service came up"):
        watched.until_ready(60)


def test_a_service_that_is_meant_to_end_is_ready_when_it_has() -> None:
    ended = row(state="exited")
    assert watch(ended, once=["web"]).until_ready(60) == {"web": "completed"}


def test_without_a_health_check_it_must_run_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "STEADY", 3600.0)
    with pytest.raises(StepFailed, match="web: exited with code 1"):
        watch(row(health=""), row(health=""), row(state="exited", exit=1)).until_ready(60)
