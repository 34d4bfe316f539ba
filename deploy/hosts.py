"""The hosts of an environment: whether they can be reached, what they are, and which keys they are known by."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.channels import shell
from deploy.channels.shell import Surroundings
from deploy.channels.transport import Transport
from deploy.endpoints import Ssh
from deploy.errors import ConfigError, GateClosed, Unreachable
from deploy.plain import line
from deploy.probes.machine import skew
from deploy.question import Output, Shell, Unanswered
from deploy.reach import HERE, Reach
from deploy.reports import hosts as table
from deploy.system import Environment

Row = dict[str, Any]
AT_ONCE = 16
SYSTEM = '( . /etc/os-release && echo "$PRETTY_NAME" ) 2>/dev/null || uname -sr'


def roles(environment: Environment) -> dict[str, list[str]]:
    """Each host with its roles; this machine when the environment names no host."""
    found: dict[str, list[str]] = {}
    for role, hosts in environment.hosts.items():
        for host in hosts:
            found.setdefault(host, []).append(role)
    return found or {HERE: []}


def survey(environment: Environment, reach: Reach) -> list[Row]:
    """A row for each host, asked at once: `reachable`, else `why` and `fix`; `round_trip_ms`, `os`, `python`, `skew`.

    The round trip is that of a whole question over an open connection. `skew` is how many seconds the host's clock is
    ahead of ours, and `within` how far off that may be.
    """
    known = roles(environment)
    questions = (Shell(SYSTEM), Shell(f"{shlex.quote(environment.python)} --version 2>&1"), Shell("date +%s.%N"))
    with ThreadPoolExecutor(min(AT_ONCE, len(known))) as pool:
        seen = list(pool.map(lambda host: _seen(reach.transport(host), questions), known))
    return [{"host": host, "roles": named, **row} for (host, named), row in zip(known.items(), seen, strict=True)]


def _seen(transport: Transport, questions: Sequence[Shell]) -> Row:
    system, python, clock = shell.answer(questions, transport, Surroundings())
    if all(isinstance(one, Unanswered) for one in (system, python, clock)):
        assert isinstance(system, Unanswered)
        return {"reachable": False, "why": system.why, "fix": system.evidence}
    started = time.monotonic()
    shell.answer([Shell(":")], transport, Surroundings())
    took = time.monotonic() - started
    off = skew(clock) if isinstance(clock, Output) else None
    return {
        "reachable": True,
        "round_trip_ms": round(took * 1000, 1),
        "os": _word(system),
        "python": (_word(python) or "").removeprefix("Python ") or None,
        "skew": round(off[0], 3) if off else None,
        "within": round(off[1], 3) if off else None,
    }


def _word(answer: Output | Unanswered) -> str | None:
    return line(answer.out) if isinstance(answer, Output) else None


def show(environment: Environment, reach: Reach, format: str) -> tuple[str, GateClosed | None]:
    """The hosts as text or JSON, and the error that ends the program when one of them cannot be reached."""
    if format not in ("text", "json"):
        raise ConfigError(f"no format {format!r} here", where="--format", fix="text or json")
    rows = survey(environment, reach)
    lost = [row["host"] for row in rows if not row["reachable"]]
    closed = GateClosed(f"{len(lost)} of {len(rows)} hosts cannot be reached: {', '.join(lost)}") if lost else None
    return json.dumps(rows, indent=2) if format == "json" else table.text(rows), closed


def trust(
    ssh: Ssh, hosts: Sequence[str], accept: Sequence[str], confirm: Callable[[], None], say: Callable[[str], None]
) -> None:
    """Show the keys of hosts and add those that are new to known_hosts, after `confirm`.

    With `accept`, only keys that have one of these fingerprints are added, and nobody is asked. ConfigError for a host
    that does not answer, that is known by other keys, or that shows none of the fingerprints.
    """
    from deploy.channels import trust as channel

    with channel.opened(ssh) as means:
        shown = [_shown(host, means, say) for host in hosts]
        new = [one for one in shown if one.new]
        if new and not accept:
            confirm()
        for one in new:
            added = channel.add(one, accept, means)
            if not added:
                raise ConfigError(f"{one.host} shows no key that you accept", where="--accept", fix="Compare again.")
            say(f"{one.host}: {len(added)} of {len(one.keys)} keys added to {means.known.path}")


def _shown(host: str, means: Any, say: Callable[[str], None]) -> Any:
    from deploy.channels import trust as channel

    try:
        one = channel.shown(host, means)
        if one.changed:
            means.known.check(one.name, one.keys[0], host)
    except Unreachable as error:
        raise ConfigError(error.why, where=host, fix=error.fix) from error
    for text in one.lines():
        say(text)
    return one


def chosen(environment: Environment, names: str | None) -> list[str]:
    """The hosts that were named, with commas, or all of the environment. Gateways may be named as well."""
    if names:
        return [name.strip() for name in names.split(",") if name.strip()]
    return [host for host in roles(environment) if host != HERE]
