"""The checks by Fabric's ThreadingGroup, a run a check, as its documentation shows it."""

from __future__ import annotations

import sys

from fabric import Config, ThreadingGroup

from scripts.benchmark.asked import Asked


def main(asked: Asked) -> None:
    group = ThreadingGroup(*asked.hosts, config=Config(runtime_ssh_path=asked.config))
    told: dict[str, list[str]] = {host: [] for host in asked.hosts}
    for check in asked.checks:
        for connection, result in group.run(check, hide=True).items():
            told[connection.original_host].append(result.stdout)
    for host, answers in told.items():
        asked.save(host, answers)
    group.close()


if __name__ == "__main__":
    main(Asked.read(sys.argv[1]))
