"""Commands that change something ask the fence first."""

from __future__ import annotations

import threading
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
