"""A Compose project as data: every call of Compose is a script that finds its version by itself and can be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from deploy.command import OK, Script
from deploy.endpoints import Docker
from deploy.secret import Secret

# Compose v2 is a plugin of the Docker client, v1 a program of its own.
FIND = 'if docker compose version >/dev/null 2>&1; then compose="docker compose"; else compose=docker-compose; fi'
STANDARD = "/var/run/docker.sock"
# Of a service that stays as it is, both versions say something else.
CHANGED = frozenset({"Create", "Creating", "Recreate", "Recreated"})


@dataclass(frozen=True)
class Project:
    """One project: its name, its files in a folder, and what they may refer to. `host` is the Engine, for Docker.

    A file with an absolute path is the environment's own, whatever the folder.
    """

    name: str
    files: tuple[str, ...]
    env_file: str | None = None
    host: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    on: str = "app"

    def call(self, folder: str, *words: str) -> str:
        """A line of shell, after `FIND`: Compose with the files of a folder, whose relative paths start there."""
        files = [part for file in self.files for part in ("-f", str(PurePosixPath(folder) / file))]
        env_file = ["--env-file", self.env_file] if self.env_file else []
        given = ["-p", self.name, "--project-directory", folder, *env_file, *files]
        return f"$compose {shlex.join([*given, *words])}"

    def script(self, lines: Sequence[str], note: str, *, timeout: float = 600.0, exits: frozenset[int] = OK) -> Script:
        """Lines of shell in which `$compose` is the Compose that is there."""
        text = "\n".join([FIND, *lines])
        env = {**self.env, **({"DOCKER_HOST": self.host} if self.host else {})}
        return Script(text, env=env, secrets=self.secrets, note=note, timeout=timeout, exits=exits, on=self.on)

    def up(self, folder: str, services: Sequence[str], *flags: str) -> str:
        return self.call(folder, "up", "-d", "--no-deps", "--no-build", *flags, *services)

    def outlook(self, folder: str, services: Sequence[str]) -> Script:
        """What `up` would do: v2 is asked for it; v1 tells the hash of each service, which containers carry as well."""
        dry = self.call(folder, "--dry-run", "up", "-d", "--no-deps", "--no-build", *services)
        hashes = self.call(folder, "config", "--hash", "*")
        lines = [f'if [ "$compose" = docker-compose ]; then echo hashes; {hashes}', f"else echo dry; {dry} 2>&1; fi"]
        return self.script(lines, "what would change", timeout=120)


def engine_host(endpoint: Docker) -> str:
    """The Engine as DOCKER_HOST wants it; empty where it is the one that is used without."""
    if endpoint.socket == STANDARD:
        return ""
    return endpoint.socket if "://" in endpoint.socket else f"unix://{endpoint.socket}"


def changing(outlook: str, services: Sequence[str], hashes: Mapping[str, str]) -> bool:
    """Whether `up` would make or remake a container, from the `outlook`; `hashes` are those of the containers."""
    kind, _, text = outlook.partition("\n")
    if kind == "dry":
        return any(CHANGED & set(line.split()) for line in text.splitlines())
    told = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    return any(told.get(service) != hashes.get(service) for service in services)
