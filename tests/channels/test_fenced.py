"""Commands that change something ask the fence first."""

from __future__ import annotations

import os
import shutil
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


class Running:
    """A command that runs on, until it is ended; it has got so far that there is a `sign`: its job, if not told."""

    def __init__(
        self, tmp_path: Path, token: int, text: str = "sleep 60", sign: str = "control/running/[0-9]*"
    ) -> None:
        self.ended: list[CommandFailed] = []
        self.thread = threading.Thread(target=self._run, args=(Script(text, timeout=50), fenced(tmp_path, token)))
        self.thread.start()
        until = time.monotonic() + 20
        while not list(tmp_path.glob(sign)):
            assert time.monotonic() < until
            time.sleep(0.01)

    def _run(self, command: Script, way: Fenced) -> None:
        try:
            execute(command, way)
        except CommandFailed as error:
            self.ended.append(error)

    def was_ended(self) -> bool:
        self.thread.join(20)
        return len(self.ended) == 1


def test_what_an_older_deployer_left_running_is_ended_first(tmp_path: Path) -> None:
    older = Running(tmp_path, 3)
    execute(Script("true"), fenced(tmp_path, 3))  # its own deployer ends nothing
    assert older.thread.is_alive()
    assert execute(Script("echo new"), fenced(tmp_path, 4)).out == "new\n"
    assert older.was_ended() and not list((tmp_path / "control/running").iterdir())


def test_it_is_ended_too_where_the_fence_was_raised_when_the_token_was_drawn(tmp_path: Path) -> None:
    """As on the control host, whose fence the tokens are drawn from."""
    older = Running(tmp_path, 3)
    (tmp_path / "control/fence").write_text("4")
    assert execute(Script("echo new"), fenced(tmp_path, 4)).out == "new\n"
    assert older.was_ended() and not list((tmp_path / "control/running").iterdir())


def test_two_first_commands_of_a_deployer_end_none_of_each_other(tmp_path: Path) -> None:
    one = Running(tmp_path, 4)
    (tmp_path / "control/fence").write_text("3")  # as the other one has read it
    assert execute(Script("echo other"), fenced(tmp_path, 4)).out == "other\n"
    assert one.thread.is_alive()
    execute(Script("true"), fenced(tmp_path, 5))
    assert one.was_ended()


def test_a_newer_deployer_that_comes_while_an_older_one_reads_the_fence_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older one's `cat` has read the fence, and takes its time to tell."""
    execute(Script("true"), fenced(tmp_path, 3))
    slow = tmp_path / "bin/cat"
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\n{shutil.which("cat")} "$@"\ntouch {tmp_path}/read\nexec >&-\nsleep 60\n')
    slow.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
        older = Running(tmp_path, 3, f"touch {tmp_path}/changed", sign="read")
    assert execute(Script("echo new"), fenced(tmp_path, 4)).out == "new\n"
    assert older.was_ended() and not (tmp_path / "changed").exists()


def test_a_number_that_another_process_has_now_is_left_alone(tmp_path: Path) -> None:
    execute(Script("true"), fenced(tmp_path, 3))
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        (tmp_path / "control/running" / str(other.pid)).write_text(f"{other.pid} 1\n")
        execute(Script("true"), fenced(tmp_path, 4))
        assert other.poll() is None
        other.kill()
    assert not list((tmp_path / "control/running").iterdir())
