"""Background processes: who they are, how they are waited for and ended. No service is needed."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.sandbox.daemon import Daemon
from deploy.sandbox.processes import born, command_line

SERVER = """
import signal, socket, sys
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()[0].close()
"""


def daemon_in(folder: Path, *words: str) -> Daemon:
    return Daemon("test", folder, lambda port: [sys.executable, "-S", "-c", SERVER, str(port), *words])


def silent(text: str) -> None: ...


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = daemon_in(tmp_path)
    yield daemon
    daemon.stop()


def test_starts_once_answers_and_ends(daemon: Daemon) -> None:
    assert daemon.start(silent) is True
    pid = daemon.pid()
    assert pid is not None
    assert "create_server" in command_line(pid)
    assert daemon.start(silent) is False
    assert daemon.pid() == pid
    assert daemon.stop() is True
    assert born(pid) == ""
    assert daemon.stop() is False


def test_is_nobodys_child_and_has_a_session_of_its_own(daemon: Daemon) -> None:
    daemon.start(silent)
    pid = daemon.pid()
    assert pid is not None
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    assert os.getsid(pid) != os.getsid(0)


def test_files_are_private(daemon: Daemon) -> None:
    daemon.start(silent)
    assert {path.stat().st_mode & 0o077 for path in daemon.folder.iterdir()} == {0}


def test_reused_pid_is_not_taken_for_ours(daemon: Daemon) -> None:
    (daemon.folder / "test.pid").write_text(f"{os.getpid()} 1\n")
    assert daemon.pid() is None
    assert daemon.stop() is False
    assert daemon.start(silent) is True


@pytest.mark.parametrize("left", ["", "nonsense", "999999999 5", "12"])
def test_stale_pid_file_is_ignored(daemon: Daemon, left: str) -> None:
    (daemon.folder / "test.pid").write_text(left)
    assert daemon.pid() is None


def test_taken_port_is_left_to_its_owner(daemon: Daemon) -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        before = taken.getsockname()[1]
        (daemon.folder / "test.port").write_text(f"{before}\n")
        daemon.start(said.append)
        assert daemon.port != before
    assert said == [f"Port {before} is taken by another program: test moved to {daemon.port}."]


def test_killed_one_is_started_again_on_its_port(daemon: Daemon) -> None:
    daemon.start(silent)
    pid, port = daemon.pid(), daemon.port
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while born(pid):
        pass
    assert daemon.start(silent) is True
    assert daemon.pid() != pid
    assert daemon.port == port


def test_one_that_ignores_term_is_killed(tmp_path: Path) -> None:
    daemon = daemon_in(tmp_path, "stubborn")
    daemon.start(silent)
    assert daemon.stop(patience=0.2) is True
    assert daemon.pid() is None


def test_one_that_ends_at_once_tells_its_log(tmp_path: Path) -> None:
    daemon = Daemon("broken", tmp_path, lambda port: ["sh", "-c", "echo no such setting >&2; exit 1"])
    with pytest.raises(DeployError, match=r"broken ended; its log says\n.*no such setting"):
        daemon.start(silent)


def test_one_that_never_answers_is_told_of(tmp_path: Path) -> None:
    daemon = Daemon("mute", tmp_path, lambda port: ["sleep", "30"], wait=0.1)
    with pytest.raises(DeployError, match="mute does not answer on port"):
        daemon.start(silent)
    daemon.stop()
