"""The SSH connections of an environment: each host's is opened once and kept for the whole command."""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Protocol

from deploy.channels.addresses import parse
from deploy.channels.transport import Transport
from deploy.endpoints import Ssh
from deploy.errors import Unreachable

AT_ONCE = 24  # hosts that are logged in to at the same time: more only wait for each other


class Remote(Transport, Protocol):
    """A host over SSH: a shell, and ways to what only the host can reach. May be used from many threads."""

    def connect(self) -> object:
        """Have a connection; Unreachable says why there is none."""
        ...

    def forward(self, address: str, port: int) -> tuple[str, int]:
        """A port of this machine's loopback that leads to an address and port as the host sees them."""
        ...

    def forward_socket(self, path: str, near: str) -> None:
        """Have the socket file `near` of this machine lead to one of the host."""
        ...

    def close(self) -> None: ...


class Connections:
    """All hosts by their addresses, as the environment writes them. May be used from many threads.

    `become` are the users that scripts run as, by host, where that is not the one who logs in.
    """

    def __init__(self, ssh: Ssh, become: Mapping[str, str] | None = None) -> None:
        self.ssh = ssh
        self._lock = threading.Lock()
        self._remotes: dict[str, Remote] = {}
        self._make, self._close_gateways = _maker(ssh, lambda: self._folder, become or {})
        self._ports: dict[tuple[str, str, int], tuple[str, int]] = {}
        self._sockets: dict[tuple[str, str], str] = {}
        atexit.register(self.close)

    @cached_property
    def _folder(self) -> Path:
        """For sockets: only we may look into it."""
        return Path(tempfile.mkdtemp(prefix="ssh-"))

    def transport(self, host: str) -> Remote:
        """The way to a host's shell; connects when it is first used. ConfigError for what is no host."""
        parse(host)
        with self._lock:
            if host not in self._remotes:
                self._remotes[host] = self._make(host)
            return self._remotes[host]

    def open(self, hosts: Iterable[str]) -> dict[str, Unreachable]:
        """Connect to all of them at once; those that cannot be reached, and why."""
        remotes = {host: self.transport(host) for host in dict.fromkeys(hosts)}
        if not remotes:
            return {}
        with ThreadPoolExecutor(len(remotes)) as pool:
            found = dict(zip(remotes, pool.map(_failure, remotes.values()), strict=True))
        return {host: error for host, error in found.items() if error}

    def forward(self, host: str, address: str, port: int) -> tuple[str, int]:
        """An address and port of this machine that lead to those which the host sees; made once, and kept.

        Raises Unreachable.
        """
        remote, key = self.transport(host), (host, address, port)
        remote.connect()
        with self._lock:
            if key not in self._ports:
                self._ports[key] = remote.forward(address, port)
            return self._ports[key]

    def forward_socket(self, host: str, path: str) -> str:
        """A socket file of this machine, in a folder of ours alone, that leads to one of the host; as `forward`."""
        remote = self.transport(host)
        remote.connect()
        with self._lock:
            if (host, path) not in self._sockets:
                near = str(self._folder / f"s{len(self._sockets)}")
                remote.forward_socket(path, near)
                self._sockets[host, path] = near
            return self._sockets[host, path]

    def close(self) -> None:
        """Close all connections, ports and sockets; nothing can be used afterwards."""
        atexit.unregister(self.close)
        with self._lock:
            for remote in self._remotes.values():
                remote.close()
            self._close_gateways()
            self._remotes.clear()
            self._ports.clear()
            self._sockets.clear()
            if "_folder" in self.__dict__:
                shutil.rmtree(self._folder, ignore_errors=True)


def _failure(remote: Remote) -> Unreachable | None:
    try:
        remote.connect()
    except Unreachable as error:
        return error
    return None


def _maker(
    ssh: Ssh, folder: Callable[[], Path], become: Mapping[str, str]
) -> tuple[Callable[[str], Remote], Callable[[], None]]:
    """What makes the way to one host, and what closes gateways; Fabric is loaded only where it is used."""
    turns = threading.BoundedSemaphore(AT_ONCE)
    if ssh.transport == "openssh":
        from deploy.channels.openssh import OpenSsh, configure

        configure(ssh, folder())
        numbers = itertools.count()
        return lambda host: OpenSsh(host, ssh, folder() / f"m{next(numbers)}", turns, become.get(host)), lambda: None
    from deploy.channels.ssh import Fabric, Means

    means = Means(ssh, turns)
    return lambda host: Fabric(host, means, become=become.get(host)), means.close
