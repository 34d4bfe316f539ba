"""Loading `system.yaml`: the system by itself, and one environment of it with its `${NAME}` filled in.

`${NAME}` is taken from the process's environment, the environment's `env_file`, or the project's `.env`, in this
order; `${NAME:-default}` may be left unset. An empty value counts as unset. `$${` is a plain `${`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from deploy import discover, yamlfile
from deploy.errors import ConfigError, nearest, together
from deploy.system import Environment, System
from deploy.yamlfile import Document, Place

ENVIRONMENTS = "environments"
RESERVED = frozenset({"status", "history", "resume", "unlock"})  # verbs of `invoke deploy`
REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|\$\{")


def load_system(folder: Path) -> System:
    """The system that a folder describes, without its environments. Raises ConfigError."""
    document = _read(folder)
    _check_environments(document, folder)
    data = {"name": folder.name, **document.data, "folder": folder}
    return yamlfile.build(System, Document(data, document.lines, document.name).only(set(data) - {ENVIRONMENTS}))


def load_environment(system: System, name: str, project: Path, environ: Mapping[str, str]) -> Environment:
    """One environment of a system. `project` is the folder of `.env`, and what `env_file` is relative to.

    Raises ConfigError: for an unknown environment with the nearest one; for settings that are missing with all of them,
    which line wants each, and where to set it. No complaint contains a value.
    """
    document = _read(system.folder)
    known = discover.environment_names(system.folder)
    if name not in known:
        raise ConfigError(f"{system.name} has no environment {name!r}", where=document.name, fix=nearest(name, known))
    data = document.data[ENVIRONMENTS][name] or {}
    lines = {place[2:]: line for place, line in document.lines.items() if place[:2] == (ENVIRONMENTS, name)}
    part = yamlfile.mapping(Document(data, lines, document.name))
    sources = _Sources(part, project, environ)
    filled = {"name": name, **sources.fill(part.data)}
    sources.complain(name)
    return yamlfile.build(Environment, Document(filled, lines, document.name), hide=True)


def _read(folder: Path) -> Document:
    return yamlfile.mapping(yamlfile.load(folder / discover.SYSTEM_FILE))


def _check_environments(document: Document, folder: Path) -> None:
    """Environments stand one a line, as the light scan for their names reads them, and none is called like a verb."""
    names = list(document.data.get(ENVIRONMENTS) or {})
    where = document.where((ENVIRONMENTS,))
    if names != discover.environment_names(folder):
        raise ConfigError("environments are not written one below the other", where=where, fix="Write `  name:` lines.")
    for name in names:
        if name in RESERVED or not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
            fix = f"Use a-z, 0-9, - and _, and none of: {', '.join(sorted(RESERVED))}."
            where = document.where((ENVIRONMENTS, name))
            raise ConfigError(f"no environment can be called {name!r}", where=where, fix=fix)


@dataclass
class _Sources:
    """Where the values of one environment come from, and which of them are nowhere."""

    document: Document
    project: Path
    environ: Mapping[str, str]
    missing: dict[str, list[str]] = field(default_factory=dict)
    broken: list[ConfigError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = [self.project / ".env"]
        self.values = {**_dotenv(self.files[0]), **_set(self.environ)}
        named = self.document.data.get("env_file")
        if isinstance(named, str):
            self.files.insert(0, self.project / self.fill(named, ("env_file",)))
            self.values = {**_dotenv(self.files[1]), **_dotenv(self.files[0]), **_set(self.environ)}

    def fill(self, value: Any, place: Place = ()) -> Any:
        """The value with every reference in its texts replaced; what is missing is noted, and left empty."""
        if isinstance(value, dict):
            return {key: self.fill(below, (*place, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [self.fill(below, (*place, index)) for index, below in enumerate(value)]
        if isinstance(value, str):
            return REFERENCE.sub(lambda match: self._value(match, place), value)
        return value

    def _value(self, match: re.Match[str], place: Place) -> str:
        name, optional, default = match.groups()
        if match[0] == "$${":
            return "${"
        if name is None:
            fix = "Write ${NAME} or ${NAME:-default}; $${ for a plain ${."
            self.broken.append(ConfigError("a broken ${…}", where=self.document.where(place), fix=fix))
            return ""
        if name not in self.values and not optional:
            self.missing.setdefault(name, []).append(self.document.where(place))
        return self.values.get(name) or default or ""

    def complain(self, environment: str) -> None:
        """Raise for everything that is missing or broken, at once."""
        if self.missing:
            wanted = [f"  {key} (wanted by {places[0]})" for key, places in self.missing.items()]
            files = " or ".join(str(path) + ("" if path.is_file() else " (not there yet)") for path in self.files)
            text = f"the environment {environment!r} lacks {len(wanted)} settings:\n" + "\n".join(wanted)
            fix = f"Set each as NAME=value in {files}, or in the environment of this process."
            self.broken.insert(0, ConfigError(text, where=self.document.name, fix=fix))
        if self.broken:
            raise together(self.broken)


def _set(values: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value}


def _dotenv(path: Path) -> dict[str, str]:
    """What a `.env` file sets; nothing when there is none. A dollar in a password stays what it is."""
    if not path.is_file():
        return {}
    text = yamlfile.read(path).removeprefix(yamlfile.BOM).replace("\r\n", "\n")
    return _set(dotenv_values(stream=io.StringIO(text), interpolate=False))
