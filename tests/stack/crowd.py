"""A Compose project in which all happens that probes look for: use, limits, log lines, crashes, lack of memory."""

from __future__ import annotations

import time
from pathlib import Path

from deploy import endpoints
from deploy.channels.docker import answer
from deploy.question import Data, Docker

from .hostbind import IMAGE

SOCKET = "/var/run/docker.sock"
FILE = """
services:
  good:
    {base}
    command: ["redis-server", "--save", "", "--dir", "/tmp", "--port", "7000"]
    mem_limit: 64m
    memswap_limit: 64m
    logging: {{driver: json-file, options: {{max-size: 1m}}}}
    healthcheck: {{test: ["CMD", "redis-cli", "-p", "7000", "ping"], interval: 1s, timeout: 5s, retries: 9}}
  sick:
    {base}
    command: ["sleep", "600"]
    healthcheck: {{test: ["CMD", "sh", "-c", "echo no table; exit 1"], interval: 1s, timeout: 5s, retries: 1}}
  loud:
    {base}
    command: ["sh", "-c", "echo fine; echo MemoryError: page 7 >&2; exec sleep 600"]
  busy:
    {base}
    command: ["sh", "-c", "while :; do :; done"]
    cpus: 0.2
  setup:
    {base}
    command: ["true"]
  crash:
    {base}
    command: ["sh", "-c", "exit 3"]
    restart: on-failure:2
  hungry:
    {base}
    command: ["python3", "-c", "x = b'1' * 300_000_000"]
    mem_limit: 32m
    memswap_limit: 32m
"""
BASE = f"image: {IMAGE}\n    volumes: ['/usr:/usr:ro']\n    stop_signal: SIGKILL"
WANTED = {"good": "healthy", "sick": "unhealthy", "setup": "exited", "crash": "exited", "hungry": "exited"}


def write(folder: Path) -> Path:
    path = folder / "docker-compose.yaml"
    path.write_text(FILE.format(base=BASE))
    return path


def ask(project: str, question: Docker, socket: str = SOCKET) -> object:
    (found,) = answer([question], endpoints.Docker(project=project), socket)
    return found


def settle(project: str, seconds: float = 60.0) -> None:
    """Wait until every container is in the state that it ends up in."""
    deadline = time.monotonic() + seconds
    states: dict[str, str] = {}
    while time.monotonic() < deadline:
        found = ask(project, Docker("services"))
        assert isinstance(found, Data), found
        assert isinstance(found.value, list)
        states = {row["service"]: row["health"] or row["state"] for row in found.value}
        if all(states.get(service) == state for service, state in WANTED.items()):
            return
        time.sleep(0.2)
    raise AssertionError(states)
