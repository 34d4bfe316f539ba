"""Who hosts are: the keys in known_hosts, strictly, and how a person adds one after comparing its fingerprint."""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
from paramiko.hostkeys import HostKeyEntry, HostKeys, InvalidHostKey

from deploy import durable
from deploy.channels.tunnels import Link
from deploy.errors import Unreachable

SYSTEM_WIDE = Path("/etc/ssh/ssh_known_hosts")
KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")  # what is scanned for, the best first
RSA = ("rsa-sha2-512", "rsa-sha2-256")  # how a key of the kind ssh-rsa signs


def fingerprint(key: paramiko.PKey) -> str:
    """As ssh-keygen prints it: `SHA256:…`."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def trust_command(host: str) -> str:
    return f"invoke hosts.trust --env=NAME --hosts={shlex.quote(host)}"


@dataclass
class KnownHosts:
    """The keys of the user's known_hosts and the machine's; `path` is the user's, where keys are added."""

    path: Path
    plain: dict[str, list[paramiko.PKey]] = field(default_factory=dict)  # by name
    hashed: list[tuple[str, paramiko.PKey]] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)  # in base64

    @staticmethod
    def read(path: Path) -> KnownHosts:
        """Both files, parsed once. A line that cannot be read knows nobody."""
        known = KnownHosts(path)
        for text in (file.read_text(errors="replace") for file in (path, SYSTEM_WIDE) if file.is_file()):
            for line in text.splitlines():
                known._take(line.strip())
        return known

    def of(self, name: str) -> list[paramiko.PKey]:
        """The keys by which a host is known; `name` is as known_hosts writes it."""
        name = name.lower()
        hidden = [key for written, key in self.hashed if HostKeys.hash_host(name, written) == written]
        return [*self.plain.get(name, []), *hidden]

    def check(self, name: str, key: paramiko.PKey, host: str) -> None:
        """Raise Unreachable unless the host is known by this very key."""
        known = self.of(name)
        if key.get_base64() in self.revoked:
            raise Unreachable(host, f"its host key {fingerprint(key)} is marked as revoked in {self.path}")
        if not known:
            why = f"its host key is not in {self.path}: {key.get_name()} {fingerprint(key)}"
            raise Unreachable(host, why, f"Compare the fingerprint with the host's own, then: {trust_command(host)}")
        if key not in known:
            raise Unreachable(host, *_changed(name, key, known, self.path))

    def add(self, name: str, keys: Iterable[paramiko.PKey]) -> None:
        """Add keys that a person has compared; the file is replaced as a whole, 0600."""
        old = self.path.read_text() if self.path.is_file() else ""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [f"{name} {key.get_name()} {key.get_base64()}" for key in keys]
        durable.replace(self.path, "\n".join([*old.splitlines(), *lines, ""]))
        for line in lines:
            self._take(line)

    def _take(self, line: str) -> None:
        words = line.split()
        if line.startswith("@revoked") and len(words) > 3:
            self.revoked.add(words[3])
        if not line or line.startswith(("#", "@")):
            return
        try:
            entry = HostKeyEntry.from_line(line)
        except (InvalidHostKey, paramiko.SSHException, ValueError):
            return
        if entry:
            self._know(entry.hostnames, entry.key)

    def _know(self, names: Iterable[str], key: paramiko.PKey) -> None:
        for name in names:
            if name.startswith("|1|"):
                self.hashed.append((name, key))
            else:
                self.plain.setdefault(name.lower(), []).append(key)


def _changed(name: str, key: paramiko.PKey, known: list[paramiko.PKey], path: Path) -> tuple[str, str]:
    expected = ", ".join(f"{one.get_name()} {fingerprint(one)}" for one in known)
    why = (
        f"ITS HOST KEY HAS CHANGED. Expected {expected}; it shows {key.get_name()} {fingerprint(key)}. "
        "Somebody may be between you and the host, or it was set up anew"
    )
    forget = f"ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(str(path))}"
    return why, f"Find out why. Only if it was set up anew: {forget}, then trust its new key."


class Strict(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """Accepts a host only by the keys that it is known by; paramiko itself is told of none."""

    def __init__(self, known: KnownHosts, name: str, host: str) -> None:
        self.known, self.name, self.host = known, name, host

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        self.known.check(self.name, key, self.host)

    def link(self, sock: Any, **options: Any) -> Link:
        """A transport that asks the host for a key of a kind that is known, if it has one.

        Ciphers that authenticate go first: of each packet, paramiko checks the digest of any other byte by byte.
        """
        link = Link(sock, **options)
        known = {kind for key in self.known.of(self.name) for kind in _kinds(key.get_name())}
        security = link.get_security_options()
        security.key_types = sorted(security.key_types, key=lambda kind: kind not in known)
        security.ciphers = sorted(security.ciphers, key=lambda name: "gcm" not in name)
        return link


def _kinds(name: str) -> tuple[str, ...]:
    return RSA if name == "ssh-rsa" else (name,)


def scan(dial: Callable[[], Any], timeout: float) -> list[paramiko.PKey]:
    """The keys that a host shows, of each kind that it has, without logging in; `dial` opens a socket to it."""
    found = []
    for kind in KINDS:
        transport = paramiko.Transport(dial())
        try:
            transport.get_security_options().key_types = (kind,)
            transport.start_client(timeout=timeout)
            found.append(transport.get_remote_server_key())
        except paramiko.ssh_exception.IncompatiblePeer:
            continue  # it has no key of this kind
        finally:
            transport.close()
    return found
