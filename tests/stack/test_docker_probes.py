"""Probes of the Engine and of Compose, asked for real; with RECORD=1 their answers are kept for all other tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from deploy import endpoints
from deploy.channels.docker import answer
from deploy.question import Answer, Data, Docker, Shell, Unanswered
from tests.probes.asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check

from . import crowd, hostbind

pytestmark = pytest.mark.live
AWAY, CLOSED = {"as": "away"}, {"as": "closed"}
FINE = {"services": ["good"]}


def cases(probe: str, parameters: dict[str, Any], holds: Any, fails: Any) -> list[Situation]:
    """The four situations of every probe; `holds` and `fails` are what is added to the parameters."""
    return [
        Situation(probe, "holds", PASS, {**parameters, **holds}),
        Situation(probe, "fails", FAIL, {**parameters, **fails}),
        Situation(probe, "missing", UNKNOWN, {**parameters, **holds}, env=AWAY),
        Situation(probe, "denied", UNKNOWN, {**parameters, **holds}, env=CLOSED),
    ]


SITUATIONS = [
    *cases("docker.engine", {}, {"at_least": "20.10", "memory_at_least": "100MB"}, {"at_least": "99"}),
    *cases("docker.services", {}, {"expected": ["good", "setup"], "once": ["setup"]}, {"expected": ["good", "sick"]}),
    Situation("docker.services", "fails-not-there", FAIL, {"expected": ["good", "web"]}),
    Situation("docker.services", "fails-ended", FAIL, {"expected": ["setup", "hungry", "crash"]}),
    Situation("docker.services", "fails-without-health", FAIL, {"expected": ["loud"], "health": ["loud"]}),
    *cases("docker.restarts", {}, FINE, {"services": ["good", "crash"]}),
    Situation("docker.restarts", "holds-some", PASS, {"services": ["crash"], "at_most": 2}),
    *cases("docker.oom", {}, FINE, {"services": ["hungry"]}),
    Situation("docker.oom", "unknown-service", UNKNOWN, {"services": ["good", "web"]}),
    *cases("docker.exits", {}, {"services": ["good", "setup"]}, {"services": ["setup", "crash"]}),
    *cases("docker.limits", {}, FINE, {}),
    Situation("docker.limits", "fails-together", FAIL, {**FINE, "together_at_most": "63MB"}),
    *cases("docker.log_rotation", {}, FINE, {}),
    *cases("docker.memory", {"samples": 1}, {"below": 99, **FINE}, {"below": 0.001, **FINE}),
    Situation("docker.memory", "unknown-ended", UNKNOWN, {"samples": 1, "below": 99, "services": ["setup", "good"]}),
    *cases("docker.cpu", {"samples": 1}, {"below": 60, **FINE, "samples": 2}, {"below": 1, "services": ["busy"]}),
    *cases("docker.logs", {"matches": "MemoryError"}, FINE, {"services": ["loud", "good"]}),
    Situation("docker.logs", "holds-since", PASS, {"matches": "Memory"}, since="2100-01-01T00:00:00+00:00"),
    Situation("docker.logs", "unknown-service", UNKNOWN, {"matches": "MemoryError", "services": ["web"]}),
    *cases("docker.root_free", {}, {"at_least": "1MB"}, {"at_least": "900000GB"}),
    Situation("docker.root_free", "unknown-elsewhere", UNKNOWN, {"at_least": "1MB", "path": "/srv"}),
    *cases("docker.imports", {"service": "loud"}, {"modules": ["json"]}, {"modules": ["json", "no_such_module"]}),
    Situation("docker.imports", "unknown-ended", UNKNOWN, {"service": "setup", "modules": ["json"]}),
    Situation("docker.imports", "unknown-python", UNKNOWN, {"service": "loud", "modules": ["x"], "python": "nopython"}),
]
FILES = {"folder": "{root}", "files": ["docker-compose.yaml"]}
SHELLS = [
    Situation("compose.version", "holds", PASS, {"at_least": "2"}),
    Situation("compose.version", "fails", FAIL, {"at_least": "99"}),
    Situation("compose.version", "missing", UNKNOWN, {"at_least": "1"}, without=("docker",)),
    Situation("compose.config", "holds", PASS, {**FILES, "services": ["good", "setup"]}),
    Situation("compose.config", "fails", FAIL, {**FILES, "files": ["broken.yaml"]}),
    Situation("compose.config", "fails-not-there", FAIL, {**FILES, "files": ["docker-compose.yaml", "gone.yaml"]}),
    Situation("compose.config", "fails-service", FAIL, {**FILES, "services": ["good", "web"]}),
    Situation("compose.config", "missing", UNKNOWN, FILES, without=("docker",)),
    Situation("compose.config", "denied", UNKNOWN, {**FILES, "files": ["closed.yaml"]}, as_nobody=True),
]


@dataclass(frozen=True)
class Project:
    name: str
    folder: Path


@pytest.fixture(scope="module")
def project(images: str) -> Iterator[Project]:
    name, folder = f"crowd{os.getpid()}{token_hex(3)}", Path(tempfile.mkdtemp(prefix="crowd-"))
    folder.chmod(0o755)
    file = crowd.write(folder)
    (folder / "broken.yaml").write_text("services: {web: {image: x, comand: y}}\n")
    (folder / "closed.yaml").write_text("services: {}\n")
    (folder / "closed.yaml").chmod(0)
    subprocess.run(["docker", "compose", "-p", name, "-f", str(file), "up", "-d"], check=True, capture_output=True)
    crowd.settle(name)
    yield Project(name, folder)
    hostbind.remove(name)
    shutil.rmtree(folder)


@contextmanager
def nobody() -> Iterator[None]:
    """As a user without rights, where we are root: that user may not use the Engine's socket."""
    if os.getuid():
        yield
        return
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def ask(question: Docker, project: Project, who: str) -> Data | Unanswered:
    socket = crowd.SOCKET if who != "away" else str(project.folder / "no.sock")
    with nobody() if who == "closed" else pytest.MonkeyPatch.context():
        (found,) = answer([question], endpoints.Docker(project=project.name), socket)
    return found


@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_of_the_engine(situation: Situation, project: Project) -> None:
    answers: list[Answer | Unanswered] = []
    for question in asked(situation.made(), situation.scope(str(project.folder))):
        if isinstance(question, Docker):
            answers.append(ask(question, project, situation.env.get("as", "")))
        elif isinstance(question, Shell):
            answers.append(ask_shell(situation, question, project.folder))
    check(situation, answers, project.folder)


@pytest.mark.parametrize("situation", SHELLS, ids=str)
def test_of_compose(situation: Situation, project: Project) -> None:
    (question,) = asked(situation.made(), situation.scope(str(project.folder)))
    assert isinstance(question, Shell)
    check(situation, [ask_shell(situation, question, project.folder)], project.folder)


def test_log_lines_are_taken_apart_by_stream_and_time(project: Project) -> None:
    found = crowd.ask(project.name, Docker("logs", {"services": ["loud"], "until": "2100-01-01T00:00:00+00:00"}))
    assert isinstance(found, Data)
    assert isinstance(found.value, list)
    (row,) = found.value
    assert sorted(line[1:] for line in row["lines"]) == [
        ["stderr", "MemoryError: page 7"],
        ["stdout", "fine"],
    ]
    tail = crowd.ask(project.name, Docker("logs", {"services": ["loud"], "tail": 1}))
    assert isinstance(tail, Data)
    assert tail.value[0]["read"] == 1  # type: ignore[index]


def test_a_paused_container_does_not_run(project: Project) -> None:
    (found,) = answer(
        [Docker("services", {"services": ["good"]})], endpoints.Docker(project=project.name), crowd.SOCKET
    )
    assert isinstance(found, Data)
    container = found.value[0]["id"]  # type: ignore[index]
    hostbind.docker("pause", container)
    try:
        situation = Situation("docker.services", "fails-paused", FAIL, {"expected": ["good"]})
        check(situation, [ask(Docker("services"), project, "")], project.folder)
    finally:
        hostbind.docker("unpause", container)
