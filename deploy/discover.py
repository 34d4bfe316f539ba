"""Which systems and environments there are. Light on purpose, for `invoke --list`: it imports no parser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from deploy.errors import ConfigError, nearest

SYSTEM_FILE = "system.yaml"
KEY = re.compile(r"""( +)["']?([A-Za-z0-9_.-]+)["']?\s*:(?:\s|$)""")


def find_systems(folders: Iterable[Path]) -> dict[str, Path]:
    """Systems by name: every folder with a `system.yaml`, given itself or as the folder around it.

    Raises ConfigError for a folder that is not there, and for two systems of one name.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError("no such folder", where=str(folder), fix="Name a folder that holds systems.")
        for system in sorted({path.parent for path in (folder / SYSTEM_FILE, *folder.glob(f"*/{SYSTEM_FILE}"))}):
            if not (system / SYSTEM_FILE).is_file():
                continue
            if found.setdefault(system.name, system).resolve() != system.resolve():
                fix = f"Rename it, or leave out {found[system.name]}."
                raise ConfigError(f"a second system called {system.name!r}", where=str(system), fix=fix)
    return found


def choose(
    name: str | None,
    environ: Mapping[str, str],
    systems: Mapping[str, Path],
    environment: str | None = None,
    command: str = "invoke …",
) -> Path:
    """The folder of the system that is meant: by name, else by `DEPLOY_SYSTEM`, else the only one that it can be.

    That is the only one there is, or the only one with the environment that is meant. Where several are left, the
    complaint repeats `command` with each of them, to be pasted.
    """
    meant = candidates(name, environ, systems)
    if environment and len(meant) > 1:
        having = {each: folder for each, folder in meant.items() if environment in environment_names(folder)}
        meant = having or meant
    if len(meant) > 1:
        fix = " or ".join(f"{command} --system={each}" for each in sorted(meant))
        raise ConfigError(f"which system? There are {', '.join(sorted(meant))}", where="--system", fix=fix)
    return next(iter(meant.values()))


def candidates(name: str | None, environ: Mapping[str, str], systems: Mapping[str, Path]) -> Mapping[str, Path]:
    """The systems that may be meant: the one that is named, by `--system` or `DEPLOY_SYSTEM`, else all there are."""
    wanted, asked_by = (name, "--system") if name else (environ.get("DEPLOY_SYSTEM"), "DEPLOY_SYSTEM")
    if not systems:
        raise ConfigError("there is no system", fix=f"Make a folder with a {SYSTEM_FILE} below deploy/systems.")
    if wanted and wanted not in systems:
        raise ConfigError(f"there is no system {wanted!r}", where=asked_by, fix=nearest(wanted, systems))
    return {wanted: systems[wanted]} if wanted else systems


def environment_names(folder: Path) -> list[str]:
    """The environments that a system names, in their order, by a scan of its lines; none where it has no file.

    It reads block style only (one key a line), which is how `load_system` wants them.
    """
    try:
        text = (folder / SYSTEM_FILE).read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return []
    below = re.search(r"^environments[ ]*:[ \t]*(?:#[^\n]*)?$(.*?)(?=^[^\s#]|\Z)", text, re.M | re.S)
    keys = [match for line in (below[1] if below else "").splitlines() if (match := KEY.match(line))]
    return [key[2] for key in keys if key[1] == keys[0][1]]
