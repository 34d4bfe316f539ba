"""Commands that change something ask the fence first."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from deploy.channels.change import execute
from deploy.channels.fenced import FENCED, Fence, Fenced
from deploy.channels.transport import Local
from deploy.command import Script
from deploy.errors import CommandFailed


def fenced(tmp_path: Path, token: int) -> Fenced:
    return Fenced(Local(), Fence(str(tmp_path / "control" / "fence"), token), threading.Event())


def test_a_host_keeps_the_largest_token_and_refuses_smaller_ones(tmp_path: Path) -> None:
    assert execute(Script("echo first"), fenced(tmp_path, 3)).out == "first\n"
    assert (tmp_path / "control/fence").read_text() == "3"
    execute(Script("true"), fenced(tmp_path, 5))
    with pytest.raises(CommandFailed, match=r"a newer deployment \(token 5\) has taken over; this one \(3\)") as caught:
        execute(Script(f"touch {tmp_path}/changed"), fenced(tmp_path, 3))
    assert caught.value.exited == FENCED and not (tmp_path / "changed").exists()
    assert execute(Script("echo again"), fenced(tmp_path, 5)).out == "again\n"


def test_a_fence_that_cannot_be_kept_refuses(tmp_path: Path) -> None:
    (tmp_path / "control").write_text("no folder")
    with pytest.raises(CommandFailed):
        execute(Script("true"), fenced(tmp_path, 1))


def test_without_a_lock_there_is_no_fence(tmp_path: Path) -> None:
    assert execute(Script("echo free"), Fenced(Local(), None, threading.Event())).out == "free\n"


def test_what_runs_is_stopped(tmp_path: Path) -> None:
    stopped = threading.Event()
    threading.Timer(0.2, stopped.set).start()
    with pytest.raises(CommandFailed, match="timed out"):
        execute(Script("sleep 60"), Fenced(Local(), None, stopped))


def test_what_an_older_deployer_left_running_is_ended_first(tmp_path: Path) -> None:
    ended: list[BaseException] = []

    def older() -> None:
        try:
            execute(Script("sleep 60", timeout=50), fenced(tmp_path, 3))
        except CommandFailed as error:
            ended.append(error)

    running = threading.Thread(target=older)
    running.start()
    while not list((tmp_path / "control/running").glob("[0-9]*")):
        time.sleep(0.01)
    execute(Script("true"), fenced(tmp_path, 3))  # its own deployer ends nothing
    assert running.is_alive()
    assert execute(Script("echo new"), fenced(tmp_path, 4)).out == "new\n"
    running.join(20)
    assert len(ended) == 1 and not list((tmp_path / "control/running").iterdir())


def test_a_number_that_another_process_has_now_is_left_alone(tmp_path: Path) -> None:
    execute(Script("true"), fenced(tmp_path, 3))
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        (tmp_path / "control/running" / str(other.pid)).write_text(f"{other.pid} 1\n")
        execute(Script("true"), fenced(tmp_path, 4))
        assert other.poll() is None
        other.kill()
    assert not list((tmp_path / "control/running").iterdir())
