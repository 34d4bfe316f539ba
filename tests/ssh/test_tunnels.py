"""Ports and socket files of this machine that lead through a host."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.channels.connections import Connections
from tests.ssh.world import Fleet, ended

pytestmark = pytest.mark.live

SERVER = """
import socket, sys
family = socket.AF_UNIX if sys.argv[1].startswith("/") else socket.AF_INET
with socket.socket(family) as server:
    server.bind(sys.argv[1] if family == socket.AF_UNIX else ("127.0.0.1", int(sys.argv[1])))
    server.listen()
    print("ready", flush=True)
    while True:
        one, _ = server.accept()
        said = b"".join(iter(lambda: one.recv(65536), b""))
        one.sendall(said.upper())
        one.close()
"""


@pytest.fixture(params=["5432", "/srv/engine.sock"])
def service(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[str]:
    """A server that only its host can reach: what it hears up to the end, it says louder."""
    host = fleet.hosts[1]
    argv = ("nsenter", "-n", "-m", "-t", str(host.init), "python3", "-c", SERVER, request.param)
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    if request.param.startswith("/"):
        (host.srv / "engine.sock").chmod(0o777)
    yield request.param
    ended(process)
    (host.srv / "engine.sock").unlink(missing_ok=True)


def talk(connections: Connections, host: str, service: str, text: bytes) -> bytes:
    if service.startswith("/"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(connections.forward_socket(host, service))
    else:
        client = socket.create_connection(connections.forward(host, "127.0.0.1", int(service)))
    with client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_tunnel_carries_both_directions_to_their_ends(connections: Connections, fleet: Fleet, service: str) -> None:
    address = fleet.address(fleet.hosts[1])
    text = b"the quick brown fox " * 100_000
    assert talk(connections, address, service, text) == text.upper()
    assert talk(connections, address, service, b"again") == b"AGAIN"


def test_a_tunnel_is_made_once_and_survives_a_restart(connections: Connections, fleet: Fleet, service: str) -> None:
    host = fleet.hosts[1]
    address = fleet.address(host)

    def made() -> object:
        if service.startswith("/"):
            return connections.forward_socket(address, service)
        return connections.forward(address, "127.0.0.1", int(service))

    before = made()
    fleet.restart(host)
    assert made() == before
    assert talk(connections, address, service, b"still") == b"STILL"


def test_socket_files_are_for_us_alone(connections: Connections, fleet: Fleet) -> None:
    near = Path(connections.forward_socket(fleet.address(fleet.hosts[1]), "/srv/nothing.sock"))
    assert near.parent.stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(near))
        client.settimeout(10)
        assert client.recv(1) == b""  # nobody listens there: an end, not a wait
