"""Hosts as an environment writes them: `app1`, `deploy@app1:2222`, `[::1]:22`, `deploy@[fe80::1%eth0]`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploy.errors import ConfigError

WRITTEN = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<name>[^@\s:\[\]/-][^@\s:\[\]/]*))(?::(?P<port>\d{1,5}))?"
)
PORT = 22


@dataclass(frozen=True)
class Address:
    """Who and where; what is None is for the user's ssh configuration to say."""

    name: str
    user: str | None = None
    port: int | None = None


def parse(host: str) -> Address:
    """The parts of a host; ConfigError for what is none."""
    found = WRITTEN.fullmatch(host)
    if not found or not 0 < int(found["port"] or PORT) < 65536 or (found["user"] or "").startswith("-"):
        raise ConfigError(f"{host!r} is no host", fix="Write it as name, user@name:port or user@[address]:port.")
    return Address(found["six"] or found["name"], found["user"], int(found["port"]) if found["port"] else None)


def known_as(name: str, port: int) -> str:
    """What known_hosts calls a host."""
    return name if port == PORT else f"[{name}]:{port}"
