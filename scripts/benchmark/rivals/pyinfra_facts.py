"""The checks by pyinfra: a fact a check (`facts`), or all of them in one fact (`batch`)."""

from __future__ import annotations

import gevent.monkey  # type: ignore[import-untyped, import-not-found, unused-ignore]

gevent.monkey.patch_all()  # before all else that it patches, as pyinfra's own command does

import sys  # noqa: E402
from typing import Any  # noqa: E402

from pyinfra.api import Config, Inventory, State  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
from pyinfra.api.connect import connect_all  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
from pyinfra.api.facts import get_facts  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
from pyinfra.facts.server import Command  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

from scripts.benchmark.asked import Asked  # noqa: E402


def main(asked: Asked, how: str) -> None:
    state = connected(asked)
    if how == "batch":
        for host, told in facts(state, asked.batch).items():
            asked.save_batch(host, told)
        return
    found = [facts(state, check) for check in asked.checks]
    for host in asked.hosts:
        asked.save(host, [told[host] for told in found])


def connected(asked: Asked) -> Any:
    data = {
        "ssh_config_file": asked.config,
        "ssh_known_hosts_file": asked.known_hosts,
        "ssh_strict_host_key_checking": "yes",
        "ssh_allow_agent": False,
        "ssh_look_for_keys": False,
    }
    state = State(Inventory((list(asked.hosts), data)), Config())
    connect_all(state)
    return state


def facts(state: Any, command: str) -> dict[str, str]:
    return {host.name: f"{told}\n" for host, told in get_facts(state, Command, args=(command,)).items()}


if __name__ == "__main__":
    main(Asked.read(sys.argv[1]), sys.argv[2])
