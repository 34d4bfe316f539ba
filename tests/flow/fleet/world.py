"""Three hosts to deploy the tiny system to, over real SSH, and a database that all of them and we can reach."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy import config
from deploy.journal import Archive
from deploy.session import Session
from deploy.site import Site
from tests.flow.world import NEVER, World
from tests.ssh.world import Fleet, Host

ENV = "fleet"


@dataclass
class FleetWorld(World):
    """The control host is the first one; `root` is the folder of the release on it, as seen from here."""

    fleet: Fleet = field(kw_only=True)
    transport: str = field(default="fabric", kw_only=True)
    port: int = field(kw_only=True)  # of the database's relay in the hosts' network

    @property
    def root(self) -> Path:
        return self.root_of(self.fleet.hosts[0])

    def root_of(self, host: Host) -> Path:
        return host.srv / "app"

    @property
    def environ(self) -> dict[str, str]:
        address = f"10.77.{self.fleet.number}.254"
        url = f"{address}:{self.port}/{self.name}"
        return {
            **super().environ,
            "TINY_DATABASE_URL": f"postgresql://tiny_app:{self.server.app_password}@{url}",
            "TINY_DATABASE_ADMIN_URL": f"postgresql://tiny_admin:{self.server.admin_password}@{url}",
            "TINY_DATABASE_HOST": address,
            "TINY_DATABASE_PORT": str(self.port),
            "TINY_HOSTS": ",".join(self.fleet.address(host, "root") for host in self.fleet.hosts),
            "TINY_TRANSPORT": self.transport,
            "TINY_KNOWN_HOSTS": str(self.fleet.known_hosts),
            "TINY_SSH_CONFIG": str(self.fleet.config),
            "TINY_KEY": str(self.fleet.key),
            "DEPLOY_STATE": str(self.folder / "state"),
        }

    @property
    def command_environ(self) -> dict[str, str]:
        return {**super().command_environ, "DEPLOY_ENV": ENV}

    def session(self, environment: str = ENV, **changed: Any) -> Session:
        system = config.load_system(self.systems / "tiny")
        place = config.load_environment(system, environment, NEVER, self.environ)
        place = place.model_copy(update=changed)
        return Session(system, place, Site(place))

    def archive_here(self) -> Archive:
        """The journals as this machine's mirror has them, read without asking the control host."""
        state = Path(os.environ["DEPLOY_STATE"])
        (folder,) = (state / "control").glob(f"tiny-{ENV}-*")
        return Archive(folder / "journals")

    def forget_lock(self) -> None:
        """As if the holder had been dead for long, and somebody had removed its lock."""
        (self.control / "lock").unlink()

    def address(self, host: Host) -> str:
        return self.fleet.address(host, "root")

    def current(self) -> list[str | None]:
        """The release that each host runs."""
        links = [self.root_of(host) / "current" for host in self.fleet.hosts]
        return [link.readlink().name if link.is_symlink() else None for link in links]

    def workers(self) -> list[int]:
        """How many workers run on each host; what one of them is just starting still has its name, and is none."""
        return [len(grown(host.running(self.worker))) for host in self.fleet.hosts]

    def start_workers(self) -> None:
        for host in self.fleet.hosts:
            host.run("sh", "-c", f"setsid -f sh /srv/app/current/worker.sh {self.worker} </dev/null >/dev/null 2>&1")


def grown(pids: list[int]) -> list[int]:
    """Those of some processes that none of them has started."""
    parents = {}
    for pid in pids:
        with suppress(OSError):  # it has ended meanwhile
            parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return [pid for pid, parent in parents.items() if parent not in pids]


@contextmanager
def relay(address: str, host: str, port: int) -> Iterator[int]:
    """A port of `address` that leads to one of this machine's loopback."""
    listener = socket.create_server((address, 0))
    threading.Thread(target=_accept, args=(listener, host, port), daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def _accept(listener: socket.socket, host: str, port: int) -> None:
    with suppress(OSError):
        while True:
            near, _ = listener.accept()
            far = socket.create_connection((host, port))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for each in (one, other):
        with suppress(OSError):  # whoever was killed has hung up already
            each.shutdown(socket.SHUT_RDWR)
        each.close()
