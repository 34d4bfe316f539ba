"""How the containers of a Compose project stand, judged from what the Engine tells of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Any

Row = Mapping[str, Any]  # one container, as the channel `docker` answers `services`
CRASHES = 3  # restarts after which a container does not just start up


class Standing(StrEnum):
    """`ready`: does its work, or has done it; `starting`: nobody can tell yet; `broken`: will not come up by itself."""

    READY = "ready"
    STARTING = "starting"
    BROKEN = "broken"


def standing(row: Row, once: Collection[str] = ()) -> tuple[Standing, str]:
    """How one container stands, in one word and in words for people. Services of `once` are meant to end, with 0."""
    state = str(row["state"])
    if state == "running":
        return _running(row)
    if state == "created":
        return Standing.STARTING, "created, not started"
    if state == "restarting":
        count = int(row["restarts"])
        return Standing.BROKEN if count >= CRASHES else Standing.STARTING, f"restarting, {count} times so far"
    if state == "exited" and row["service"] in once and row["exit"] == 0:
        return Standing.READY, "completed"
    ended = f"{state} with code {row['exit']}" if state in ("exited", "dead") else state
    return Standing.BROKEN, f"{ended}{', out of memory' * bool(row['oom_killed'])}{_error(row)}"


def _running(row: Row) -> tuple[Standing, str]:
    health = str(row["health"])
    if health == "unhealthy":
        said = str(row["health_said"]).strip().splitlines()[-1:]
        return Standing.BROKEN, f"unhealthy{''.join(f': {line}' for line in said)}"
    if health == "starting":
        return Standing.STARTING, "running, health not known yet"
    return Standing.READY, "healthy" if health == "healthy" else "running, without a health check"


def _error(row: Row) -> str:
    return f": {row['error']}" if row["error"] else ""


def called(row: Row) -> str:
    """A container for people: its service, and its number where there are several."""
    return str(row["service"]) if row["number"] == 1 else f"{row['service']} ({row['number']})"


def absent(rows: Iterable[Row], services: Iterable[str]) -> list[str]:
    """The services that have no container at all."""
    there = {row["service"] for row in rows}
    return [service for service in services if service not in there]
