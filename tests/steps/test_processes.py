"""Stopping and starting real processes of this user, and nobody else's."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from deploy.deployment import Deployment
from deploy.errors import StepFailed
from deploy.site import Site
from deploy.steps.processes import StartStep, StopStep, running
from deploy.system import Environment, System
from tests.backups.world import Said

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


@pytest.fixture
def mark() -> str:
    """A word that only this test's processes have on their command lines."""
    return f"worker-{token_hex(6)}"


@pytest.fixture
def spawn(mark: str) -> Iterator[Any]:
    """Start a process of that word, in a session of its own, as a service is."""
    children: list[subprocess.Popen[bytes]] = []

    def begin(code: str = "import time; time.sleep(60)", word: str = mark) -> subprocess.Popen[bytes]:
        child = subprocess.Popen([sys.executable, "-c", code, word], start_new_session=True)
        children.append(child)
        return child

    yield begin
    for child in children:
        child.kill()
        child.wait()


def deployment(tmp_path: Path, **processes: Any) -> Deployment:
    environment = Environment(name="test", root=str(tmp_path), repository="")
    described = {"name": "s", "title": "S", "folder": tmp_path, "flow": ["prereqs"], "processes": processes}
    return Deployment("d", System.model_validate(described), environment, Site(environment), "main", "c" * 40, None)


def seen(made: Deployment, count: int) -> list[str]:
    """What runs, as soon as it is that many (a child needs a moment to become its program)."""
    deadline = time.monotonic() + 10
    while len(found := running(made)) != count and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def stop(made: Deployment) -> dict[str, Any]:
    step = StopStep(made)
    before = step.before()
    step.do(Said())
    assert step.done()
    return dict(before)


def test_what_matches_is_stopped_and_remembered_and_nothing_else(tmp_path: Path, mark: str, spawn: Any) -> None:
    made = deployment(tmp_path, match=[f"{mark}$"])
    ours, other = spawn(), spawn(word=f"{mark}-not")
    assert len(seen(made, 1)) == 1
    assert [line.endswith(mark) for line in stop(made)["stopped"]] == [True]
    assert (ours.wait(5), other.poll()) == (-15, None)


def test_what_ignores_a_term_is_killed(tmp_path: Path, mark: str, spawn: Any) -> None:
    made = deployment(tmp_path, match=[mark], stop_timeout=1)
    child = spawn(STUBBORN)
    seen(made, 1)
    time.sleep(0.3)  # until it ignores the signal
    stop(made)
    assert child.wait(5) == -9


def test_the_one_who_asks_is_never_found(tmp_path: Path) -> None:
    """The pattern matches pytest itself, the shell that asks, and everything above them."""
    made = deployment(tmp_path, match=["pytest", "sh"])
    own = Path("/proc/self/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    assert own not in running(made)


def test_without_a_pattern_nothing_is_stopped(tmp_path: Path) -> None:
    assert stop(deployment(tmp_path))["stopped"] == []


def service(mark: str, run: list[str]) -> dict[str, Any]:
    return {"name": "worker", "match": mark, "run": run, "cwd": "/"}


def test_what_ran_before_is_started_again_and_what_did_not_is_not(tmp_path: Path, mark: str, spawn: Any) -> None:
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)", mark]
    made = deployment(tmp_path, match=[mark], start=[service(mark, sleeping)])
    assert StartStep(made).done()
    assert StartStep(made).do(Said()) == {"started": []}
    spawn()
    seen(made, 1)
    made.facts["stop"] = stop(made)
    assert not StartStep(made).done()
    assert StartStep(made).do(Said()) == {"started": ["worker"]}
    assert StartStep(made).done()
    assert StartStep(made).do(Said()) == {"started": []}
    stop(made)


def test_a_service_that_ends_at_once_is_a_failure(tmp_path: Path, mark: str) -> None:
    made = deployment(tmp_path, match=[mark], start=[service(mark, ["sh", "-c", "exit 0", mark])])
    made.facts["stop"] = {"stopped": [f"sh {mark}"]}
    with pytest.raises(StepFailed, match="not running: worker"):
        StartStep(made).do(Said())
