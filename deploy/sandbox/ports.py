"""Ports of the sandbox: chosen below the range that outgoing connections use, and remembered while they are free."""

from __future__ import annotations

import secrets
import socket
import time
from pathlib import Path

from deploy import durable
from deploy.errors import DeployError

HOST = "127.0.0.1"
FIRST, COUNT = 20000, 10000


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free port, picked at random so that two sandboxes that start at once rarely meet."""
    for _ in range(200):
        port = FIRST + secrets.randbelow(COUNT)
        if is_free(port):
            return port
    raise DeployError(f"found no free port between {FIRST} and {FIRST + COUNT} on {HOST}")


def answers(port: int) -> bool:
    """Whether something accepts connections on this port."""
    try:
        with socket.create_connection((HOST, port), timeout=1.0):
            return True
    except OSError:
        return False


def wait_until_answers(port: int, seconds: float) -> bool:
    """Wait until the port accepts connections; False when it did not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not answers(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def remembered(path: Path) -> int | None:
    """The port written in this file, or None where there is none that can be read as a port."""
    try:
        port = int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None
    return port if 0 < port < 65536 else None


def choose(path: Path) -> int:
    """The remembered port while it is free, else a new one, written to `path`."""
    port = remembered(path)
    if port is None or not is_free(port):
        port = free_port()
        durable.replace(path, f"{port}\n")
    return port
