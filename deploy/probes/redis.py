"""The cache: a server that speaks Redis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.bounds import Bounded, version
from deploy.probes.sizes import UNITS, Bytes
from deploy.question import Redis, Reply
from deploy.result import Verdict, judged, unknown
from deploy.scope import Scope


class Ping(Probe):
    """The cache answers PONG; one that wants a password first cannot be judged."""

    name: ClassVar[str] = "redis.ping"
    example: ClassVar[str] = "cache: cache"
    cache: str = "cache"

    def ask(self, scope: Scope) -> Redis:
        return Redis(self.cache, ("PING",))

    def judge(self, reply: Reply) -> Verdict:
        return judged(reply.value == "PONG", "PONG", str(reply.value))


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
    below: Bytes

    def ask(self, scope: Scope) -> Redis:
        return Redis(self.cache, ("INFO", "memory"))

    def judge(self, reply: Reply) -> Verdict:
        used, expected = info(reply).get("used_memory", ""), f"below {self.below / UNITS['MB']:.1f} MB"
        if not used.isdigit():
            return unknown(expected, "the cache did not tell its memory")
        return judged(int(used) < self.below, expected, f"{int(used) / UNITS['MB']:.1f} MB")


class HitRate(Bounded, Probe):
    """Enough of the lookups since the cache started found their key, in per cent; too few lookups are unknown."""

    name: ClassVar[str] = "redis.hit_rate"
    example: ClassVar[str] = "cache: cache\nabove: 80\nlookups: 100"
    cache: str = "cache"
    lookups: int = Field(1, ge=1)

    def ask(self, scope: Scope) -> Redis:
        return Redis(self.cache, ("INFO", "stats"))

    def judge(self, reply: Reply) -> Verdict:
        told = [info(reply).get(name, "") for name in ("keyspace_hits", "keyspace_misses")]
        if not all(text.isdigit() for text in told):
            return unknown(self.text(" %"), "the cache did not tell its lookups")
        hits, misses = map(int, told)
        if hits + misses < self.lookups:
            return unknown(self.text(" %"), f"{hits + misses} of at least {self.lookups} lookups")
        return self.verdict(round(100 * hits / (hits + misses), 1), " %", f"{hits} hits, {misses} misses")


def info(reply: Reply) -> dict[str, str]:
    """The lines of INFO by name, whether the channel took them apart or not."""
    if isinstance(reply.value, Mapping):
        return {str(key): str(value) for key, value in reply.value.items()}
    return dict(line.strip().split(":", 1) for line in str(reply.value).splitlines() if ":" in line)
