"""The ways to an environment's hosts, and to what is only reached through them."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from deploy.channels import urls
from deploy.channels.fenced import Fence, Fenced
from deploy.channels.transport import Local, Transport
from deploy.endpoints import Airflow, Docker
from deploy.errors import ConfigError, nearest
from deploy.secret import Secret
from deploy.system import Environment

if TYPE_CHECKING:
    from deploy.channels.connections import Connections

HERE = "localhost"
CONTROL = "control"
OPERATOR = "operator"  # this machine, where the repository is mirrored
PLACE = re.compile(r"(?P<role>[a-z][a-z0-9_-]*)\[(?P<number>[0-9]+)\]")


class Reach:
    """Opens what is needed, once, and keeps it for the whole command. May be used from many threads."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.fence: Fence | None = None  # of the lock that is held
        self.stopped = threading.Event()  # set: commands that change something end now
        self._connections: Connections | None = None
        self._opening = threading.Lock()

    def hosts(self, role: str) -> list[str]:
        """The hosts of a role, one of them (`app[0]` is the first of the role `app`); this machine when none is named.

        Empty when all of them were left out on request. ConfigError for a role that the environment does not know.
        """
        known = self.environment.hosts
        if found := PLACE.fullmatch(role):
            named = self.hosts(found["role"])
            return [HERE] if named == [HERE] else [self.place(role)] if named else []
        if role == CONTROL:
            return [self.control]
        if role == OPERATOR and role not in known:
            return [HERE]
        if role in known or not any(host != HERE for named in known.values() for host in named):
            return list(known.get(role, (HERE,)))
        where = f"environments.{self.environment.name}.hosts"
        raise ConfigError(f"there are no hosts of the role {role!r}", where=where, fix=nearest(role, known))

    @property
    def control(self) -> str:
        """The host that keeps journals and locks: of the role `control`; by default the first host that is named."""
        hosts = self.environment.hosts
        named = [*hosts.get(CONTROL, ()), *(host for role in hosts.values() for host in role)]
        return named[0] if named else HERE

    @property
    def connections(self) -> Connections:
        """The SSH connections; their library is loaded when there is a host to reach."""
        with self._opening:
            if self._connections is None:
                from deploy.channels.connections import Connections

                self._connections = Connections(self.environment.ssh, self._becoming())
            return self._connections

    def _becoming(self) -> dict[str, str]:
        """The users that scripts run as on the hosts of the roles that declare one."""
        place = self.environment
        for role in place.become:
            if role not in place.hosts:
                where = f"environments.{place.name}.become"
                raise ConfigError(
                    f"there are no hosts of the role {role!r}", where=where, fix=nearest(role, place.hosts)
                )
        return {host: user for role, user in place.become.items() for host in place.hosts[role]}

    def transport(self, host: str) -> Transport:
        """The way to a host's shell."""
        return Local() if host == HERE else self.connections.transport(host)

    def changing(self, host: str) -> Transport:
        """The same, for commands that change something there: only while nobody newer holds the lock."""
        return Fenced(self.transport(host), self.fence, self.stopped)

    def place(self, via: str) -> str:
        """The host that `via` means: `app[0]` is the first of the role `app`; anything else is an address."""
        found = PLACE.fullmatch(via)
        if not found:
            return via
        hosts = self.environment.hosts.get(found["role"], ())
        if int(found["number"]) >= len(hosts):
            where = f"environments.{self.environment.name}"
            raise ConfigError(f"there is no host {via}", where=where, fix=f"{found['role']} has {len(hosts)} hosts.")
        return hosts[int(found["number"])]

    def url(self, url: Secret, via: str | None) -> Secret:
        """An URL as this machine must use it: behind a host, it leads through a port that is forwarded there."""
        host = self.place(via) if via else HERE
        if host == HERE:
            return url
        address, port = urls.address(url)
        return urls.through(url, *self.connections.forward(host, address, port))

    def address(self, api: Airflow) -> str:
        """The URL of Airflow's API server as this machine must use it."""
        return self.url(Secret(api.url), api.via).reveal().rstrip("/")

    def socket(self, engine: Docker) -> str:
        """Where the Docker Engine answers on this machine: its socket's path, or its URL."""
        host = self.place(engine.via) if engine.via else HERE
        if host == HERE or "://" in engine.socket:
            return engine.socket
        return self.connections.forward_socket(host, engine.socket)
