"""Something breaks while a deployment runs: it goes on, or ends with the right answer; nothing stays half switched.

One a day. That a token expires is part of every deployment here: the stack's live for half a minute.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.points import todays
from tests.tiki import faults
from tests.tiki.stack import Stack

pytestmark = pytest.mark.live

AGAIN = "deploy.compose", "--ref", "v1"


def api_killed(stack: Stack) -> None:
    """It is waited for, or its command line stands in."""
    goes_on(stack, "configure", lambda: faults.kill(stack, "airflow-apiserver"))


def redis_killed(stack: Stack) -> None:
    """The broker keeps its queue on disk, and workers connect again."""
    goes_on(stack, "trial", lambda: faults.kill(stack, "redis"))


def database_paused(stack: Stack) -> None:
    """Nobody answers for a while, and everybody waits; Airflow's heartbeats may be too late for the gate afterwards."""
    code, said = stack.disturbed("configure", lambda: faults.pause(stack, "postgres", 40), *AGAIN)
    assert code in (0, 3), said
    assert code == 0 or "airflow-healthy" in stack.records("failed")[0]["reason"], said


def engine_away(stack: Stack) -> None:
    """Its daemon is started anew while containers run on; it is asked again until it answers."""
    path = stack.folder / "engine.sock"
    with faults.Engine(path) as engine, stack.seen(DOCKER_HOST=f"unix://{path}"):
        goes_on(stack, "drain", lambda: engine.cut(15))


def worker_out_of_memory(stack: Stack) -> None:
    """The Engine starts it anew, and all is healthy; that it was killed for want of memory is found all the same."""
    code, said = stack.disturbed("backup", lambda: faults.exhaust_memory(stack, "airflow-worker"), *AGAIN)
    assert code == 3, said
    assert "no-oom" in stack.records("failed")[0]["reason"], said


def disk_full(stack: Stack) -> None:
    """The gate closes before anything is begun."""
    with stack.seen(faults.full_disk("/var/lib/docker")):
        said = stack.invoke(*AGAIN, code=6)
    assert stack.result("docker-disk")["status"] == "fail", said
    assert stack.records("step.intended") == []


def goes_on(stack: Stack, step: str, disturb: Callable[[], None]) -> None:
    code, said = stack.disturbed(step, disturb, *AGAIN)
    assert code == 0, said


CASES: dict[str, Callable[[Stack], None]] = {
    "api-killed": api_killed,
    "engine-away": engine_away,
    "redis-killed": redis_killed,
    "disk-full": disk_full,
    "database-paused": database_paused,
    "worker-out-of-memory": worker_out_of_memory,
}


@pytest.mark.parametrize("case", todays(list(CASES), 1))
def test_fault_leaves_nothing_half_switched(case: str, stack: Stack) -> None:
    before = stack.production()
    CASES[case](stack)
    stack.idle()
    after = stack.production()
    assert (after.release, after.pauses, after.variables) == (before.release, before.pauses, before.variables)
    assert after.mounted == before.mounted
