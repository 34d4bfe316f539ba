"""The cache: a server that speaks Redis."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from deploy.probes.base import Probe
from deploy.probes.bounds import version
from deploy.question import Redis, Reply
from deploy.result import Verdict, judged, unknown
from deploy.scope import Scope

UNITS = {"": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


def _bytes(size: Any) -> Any:
    if not isinstance(size, str):
        return size
    match = re.fullmatch(r"(\d+) ?(KB|MB|GB|)", size.strip())
    if not match:
        raise ValueError("write bytes as a number, or with KB, MB or GB: 512MB")
    return int(match[1]) * UNITS[match[2]]


class Ping(Probe):
    """The cache answers."""

    name: ClassVar[str] = "redis.ping"
    example: ClassVar[str] = "cache: cache"
    cache: str = "cache"

    def ask(self, scope: Scope) -> Redis:
        return Redis(self.cache, ("PING",))

    def judge(self, reply: Reply) -> Verdict:
        return judged(reply.value in ("PONG", True), "PONG", str(reply.value))


class Version(Probe):
    """The cache is new enough."""

    name: ClassVar[str] = "redis.version"
    example: ClassVar[str] = "cache: cache\nat_least: '7.2'"
    cache: str = "cache"
    at_least: str

    def ask(self, scope: Scope) -> Redis:
        return Redis(self.cache, ("INFO", "server"))

    def judge(self, reply: Reply) -> Verdict:
        found = info(reply).get("redis_version", "")
        try:
            return judged(version(found) >= version(self.at_least), f"at least {self.at_least}", found)
        except ValueError as error:
            return unknown(f"at least {self.at_least}", str(error))


class Memory(Probe):
    """The cache uses less memory than it may."""

    name: ClassVar[str] = "redis.memory"
    example: ClassVar[str] = "cache: cache\nbelow: 512MB"
    cache: str = "cache"
    below: Annotated[int, BeforeValidator(_bytes)]

    def ask(self, scope: Scope) -> Redis:
        return Redis(self.cache, ("INFO", "memory"))

    def judge(self, reply: Reply) -> Verdict:
        used, expected = info(reply).get("used_memory", ""), f"below {self.below / UNITS['MB']:.1f} MB"
        if not used.isdigit():
            return unknown(expected, "the cache did not tell its memory")
        return judged(int(used) < self.below, expected, f"{int(used) / UNITS['MB']:.1f} MB")


def info(reply: Reply) -> dict[str, str]:
    """The lines of INFO by name, whether the channel took them apart or not."""
    if isinstance(reply.value, Mapping):
        return {str(key): str(value) for key, value in reply.value.items()}
    return dict(line.strip().split(":", 1) for line in str(reply.value).splitlines() if ":" in line)
