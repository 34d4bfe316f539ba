"""Trusting a host: what it shows, before anybody logs in, and adding that to known_hosts after a person has compared.

This needs Fabric's side for dialling, whatever way the environment uses else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import paramiko

from deploy.channels.dialing import patiently
from deploy.channels.hostkeys import fingerprint, scan
from deploy.channels.ssh import Fabric, Means
from deploy.endpoints import Ssh
from deploy.errors import Unreachable


@dataclass(frozen=True)
class Shown:
    """The keys that a host shows, and which of them are known already."""

    host: str
    name: str  # as known_hosts writes it
    keys: tuple[paramiko.PKey, ...]
    known: tuple[paramiko.PKey, ...]

    @property
    def new(self) -> list[paramiko.PKey]:
        return [key for key in self.keys if key not in self.known]

    @property
    def changed(self) -> bool:
        """Whether the host is known by other keys, and shows none of them."""
        return bool(self.known) and not any(key in self.known for key in self.keys)

    def lines(self) -> list[str]:
        """One line for each key, as people compare them."""
        return [
            f"{self.host}  {key.get_name()}  {fingerprint(key)}" + ("  (known)" if key in self.known else "")
            for key in self.keys
        ]


def shown(host: str, means: Means) -> Shown:
    """What a host shows; Unreachable when it does not answer."""
    remote = Fabric(host, means)
    timeout = means.ssh.connect_timeout
    keys = patiently(lambda: scan(remote.dial, timeout), host, means.ssh)
    return Shown(host, remote.known_name, tuple(keys), tuple(means.known.of(remote.known_name)))


def add(one: Shown, accept: Sequence[str], means: Means) -> list[paramiko.PKey]:
    """Add the new keys of a host; where fingerprints are given, only keys that have one of them."""
    keys = [key for key in one.new if not accept or fingerprint(key) in accept]
    if keys:
        means.known.add(one.name, keys)
    return keys


def distrusted(host: str, ssh: Ssh) -> Unreachable | None:
    """Why the keys that a host shows are not trusted, with fingerprints; None when one of them is."""
    with opened(ssh) as means:
        try:
            one = shown(host, means)
            if not any(key in one.known for key in one.keys):
                means.known.check(one.name, one.keys[0], host)
        except Unreachable as error:
            return error
    return None


@contextmanager
def opened(ssh: Ssh) -> Iterator[Means]:
    """What is needed to look at hosts; the gateways that were used are closed at the end."""
    means = Means(ssh)
    try:
        yield means
    finally:
        means.close()
