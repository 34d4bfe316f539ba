"""A Docker Engine to talk to: the one that answers, or one that root starts where no init does: `ensure()`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from deploy.errors import ConfigError, DeployError
from deploy.sandbox.postgres import silent
from deploy.sandbox.tiki_pipeline import machine

SOCKET = Path("/var/run/docker.sock")
SYSTEMD = Path("/run/systemd/system")
START_SECONDS = 60.0
PING = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
LAUNCH = '("$@" </dev/null >>"$DAEMON_LOG" 2>&1 &)'


def ensure(say: Callable[[str], None] = silent) -> str:
    """The address of an Engine that answers, as DOCKER_HOST wants it; DOCKER_HOST itself where it is set.

    Root starts the installed Engine when none answers. ConfigError tells what is missing, or who may not use it.
    """
    if named := os.environ.get("DOCKER_HOST"):
        return named
    if not answers():
        with machine.only_one("docker"):
            if not answers():
                _start(say)
    return f"unix://{SOCKET}"


def answers(path: Path | None = None) -> bool:
    """Whether an Engine answers on this socket (default: the usual one); ConfigError when we may not ask it."""
    path = path or SOCKET
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5.0)
        try:
            connection.connect(str(path))
            connection.sendall(PING)
            return b" 200 " in connection.recv(64)
        except PermissionError as error:
            raise ConfigError(
                "this user may not use the Docker Engine", where=str(path), fix="Add the user to the group docker."
            ) from error
        except OSError:
            return False


def _start(say: Callable[[str], None]) -> None:
    if os.geteuid() != 0:
        raise ConfigError("no Docker Engine answers", where=str(SOCKET), fix="Start it, or set DOCKER_HOST.")
    if not shutil.which("dockerd"):
        raise ConfigError("the Docker Engine is not installed", fix="Run: scripts/invoke sandbox.images")
    say("Starting the Docker Engine ...")
    if SYSTEMD.exists():
        machine.run(["systemctl", "start", "docker"], timeout=START_SECONDS)
    else:
        _launch()
    _await_answer()


def _launch() -> None:
    """Start it through a shell that ends at once, so that it is nobody's child and outlives us."""
    argv = ["dockerd", "--host", f"unix://{SOCKET}", "--pidfile", "/var/run/docker.pid"]
    subprocess.run(
        ["sh", "-c", LAUNCH, "sh", *argv],
        check=True,
        cwd="/",
        umask=0o022,
        start_new_session=True,
        env={**os.environ, "DAEMON_LOG": str(_log())},
    )


def _log() -> Path:
    return machine.cache_folder() / "dockerd.log"


def _await_answer() -> None:
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if time.monotonic() > deadline:
            log = _log()
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
            said = "\n".join(f"  | {line}" for line in lines[-12:])
            raise DeployError(f"the Docker Engine does not answer after {START_SECONDS:.0f} s; its log says\n{said}")
        time.sleep(0.05)
