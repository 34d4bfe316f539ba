"""What goes wrong around a deployment: done to the containers of a stack, and to nothing else of the machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from pathlib import Path

from tests.tiki.stack import Stack, docker

ENGINE = "/var/run/docker.sock"
# The victim's first process is the one that the kernel ends, since it is told to prefer it; then somebody eats memory.
EAT = "data = []\nwhile True: data.append(bytearray(50 << 20))"


def kill(stack: Stack, service: str) -> None:
    """End a service's first process as a crash does: the Engine starts it anew, by the restart policy."""
    os.kill(first_process(stack, service), signal.SIGKILL)


def first_process(stack: Stack, service: str) -> int:
    return int(docker("inspect", "--format", "{{.State.Pid}}", stack.containers()[service]))


def exhaust_memory(stack: Stack, service: str) -> None:
    """Have the kernel end a service's first process for want of memory, within the container's own limit."""
    victim, container = first_process(stack, service), stack.containers()[service]
    Path(f"/proc/{victim}/oom_score_adj").write_text("1000", encoding="ascii")
    with contextlib.suppress(Exception):  # the eater ends with the container, if not before
        docker("exec", container, "python", "-c", EAT)


def pause(stack: Stack, service: str, seconds: float) -> None:
    """Freeze a service for a while, from now on."""
    container = stack.containers()[service]
    docker("pause", container)
    threading.Timer(seconds, docker, ["unpause", container]).start()


class Engine:
    """A way to the Engine that can be cut: seen from its clients, an Engine that is away while containers run on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.away = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.open: list[socket.socket] = []

    def __enter__(self) -> Engine:
        self.listener.bind(str(self.path))
        self.listener.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self.listener.close()
        self.path.unlink()

    def cut(self, seconds: float = 0) -> None:
        """End all connections, and refuse new ones for so long."""
        self.away.set()
        for one in self.open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        threading.Timer(seconds, self.away.clear).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.away.is_set():
                    client.close()
                    continue
                server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                server.connect(ENGINE)
                self.open += [client, server]
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes, and that it ended; the other direction goes on, as an upgraded connection needs it."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def full_disk(place: str) -> list[str]:
    """The words before a command that sees a full file system at a place; nobody else does."""
    script = 'mount -t tmpfs -o size=1m full "$0" && { cat /dev/zero >"$0/zeros" 2>/dev/null || true; } && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, place]
