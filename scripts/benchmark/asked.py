"""What is asked of which hosts, as a file that every contender reads, and the one form in which all of them answer.

It imports nothing but the standard library: the contenders run in another virtual environment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

Answers = dict[str, list[str]]
MARK = "@@ answer"
CHECKS = (  # read-only, and with the same answer each time
    "hostname",
    "uname -sr",
    "id -un",
    "nproc",
    "awk '/^MemTotal/ {print $2}' /proc/meminfo",
    "df -P /srv | awk 'NR == 2 {print $2}'",
    "stat -c %a /srv",
    "ls -ld /srv/home/deploy | cut -c 1-10",
    "sha256sum /etc/passwd | cut -c 1-64",
    "grep -c . /etc/passwd",
    "command -v tar",
    "tar --version | head -n 1",
    "gzip --version | head -n 1",
    "getconf ARG_MAX",
    "date +%Z",
    "umask",
    "test -d /srv/home && echo yes || echo no",
    "test -e /srv/app/current && echo yes || echo no",
    "grep '^PRETTY_NAME=' /etc/os-release",
    "cat /proc/sys/kernel/pid_max",
)


@dataclass(frozen=True)
class Asked:
    """Hosts by their names in the ssh configuration `config`, and the folder for answers: one file each."""

    hosts: Sequence[str]
    checks: Sequence[str]
    config: str
    known_hosts: str
    key: str
    out: str

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({**asdict(self), "batch": self.batch}))

    @staticmethod
    def read(path: str) -> Asked:
        known = json.loads(Path(path).read_text())
        known.pop("batch")
        return Asked(**known)

    @property
    def batch(self) -> str:
        """All checks as one script, its answers told apart by marks: what a person writes who batches by hand."""
        return "".join(f"echo '{MARK}'\n( {check} )\n" for check in self.checks)

    def save(self, host: str, answers: Sequence[str]) -> None:
        """Keep the answers of one host that were asked for one by one."""
        self.save_batch(host, "".join(f"{MARK}\n{answer.rstrip()}\n" for answer in answers))

    def save_batch(self, host: str, told: str) -> None:
        """Keep what the script printed on one host."""
        (Path(self.out) / host).write_text(told)

    def answers(self) -> Answers:
        """All that were kept."""
        return {path.name: divided(path.read_text()) for path in Path(self.out).iterdir()}


def divided(told: str) -> list[str]:
    """The answers in what the script printed."""
    return [part.strip() for part in told.split(f"{MARK}\n")[1:]]


def differences(found: Mapping[str, Sequence[str]], wanted: Mapping[str, Sequence[str]]) -> list[str]:
    """Where two sets of answers are not equal, in words."""
    told = [f"{host}: {'unasked' if host in found else 'no answer'}" for host in sorted(found.keys() ^ wanted.keys())]
    for host in sorted(found.keys() & wanted.keys()):
        if len(found[host]) != len(wanted[host]):
            told.append(f"{host}: {len(found[host])} answers instead of {len(wanted[host])}")
        told += [f"{host}: {a!r} instead of {b!r}" for a, b in zip(found[host], wanted[host], strict=False) if a != b]
    return told
