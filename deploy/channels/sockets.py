"""Sockets that answer at once and notice when nobody is there any more."""

from __future__ import annotations

import socket
import subprocess
from contextlib import suppress

ROOM = 1 << 16  # bytes taken from the kernel at once
PROBES = 3  # unanswered keepalives until a connection counts as lost


class Quick(socket.socket):
    """Sends small packets at once, and acknowledges what it gets at once where the platform can.

    Nagle's algorithm and delayed acknowledgements wait for each other twice in each SSH connect: 80 ms. What has come
    is taken from the kernel at once: paramiko asks for the head of a packet first, then for the rest of it.
    """

    held = b""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if not self.held:
            self.held = super().recv(ROOM, flags)
            if hasattr(socket, "TCP_QUICKACK"):
                with suppress(OSError):  # closed meanwhile; the kernel forgets this option, so it is set each time
                    self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        chunk, self.held = self.held[:size], self.held[size:]
        return chunk


def connect(name: str, port: int, timeout: float, keepalive: int) -> Quick:
    """A TCP connection. Raises OSError: TimeoutError after `timeout` seconds, socket.gaierror for an unknown name.

    With `keepalive` it breaks some three times that many seconds after the other side was heard last.
    """
    made = socket.create_connection((name, port), timeout)
    quick = Quick(made.family, made.type, made.proto, made.detach())
    quick.settimeout(timeout)
    quick.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if keepalive:
        quick.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _patience(keepalive).items():
            if hasattr(socket, option):
                quick.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return quick


def _patience(keepalive: int) -> dict[str, int]:
    """How long the kernel waits for the other side: an idle one, and one that does not acknowledge what we send."""
    return {
        "TCP_KEEPIDLE": keepalive,
        "TCP_KEEPINTVL": keepalive,
        "TCP_KEEPCNT": PROBES,
        "TCP_USER_TIMEOUT": keepalive * PROBES * 1000,
    }


class Piped(socket.socket):
    """One end of a program that connects its standard input and output to a host: a ProxyCommand."""

    process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        super().close()
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def piped(command: str) -> Piped:
    """Start a ProxyCommand; it ends when its socket is closed."""
    near, far = socket.socketpair()
    with far:
        made = Piped(near.family, near.type, near.proto, near.detach())
        made.process = subprocess.Popen(
            ["sh", "-c", f"exec {command}"],
            stdin=far.fileno(),
            stdout=far.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return made
