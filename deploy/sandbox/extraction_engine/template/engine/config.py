"""Reads engine/config/*.yaml; values of the form ${NAME} come from the environment."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "config"
VARIABLE = re.compile(r"\$\{(\w+)\}")


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message says which and where."""


@cache
def load(name: str) -> dict[str, Any]:
    """The mapping in engine/config/<name>.yaml."""
    path = FOLDER / f"{name}.yaml"
    if not path.exists():
        raise ConfigurationError(f"{path} does not exist; {name}.yaml.example shows what belongs there")
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} is not a mapping")
    return content


def source(name: str) -> dict[str, Any]:
    """The settings of one source, with its environment variables filled in."""
    settings = load("sources").get(name)
    if settings is None:
        raise ConfigurationError(f"sources.yaml has no section {name!r}")
    if not settings.get("enabled", False):
        raise ConfigurationError(f"source {name!r} is disabled in sources.yaml")
    return {key: expand(value, f"{name}.{key}") for key, value in settings.items()}


def expand(value: Any, where: str) -> Any:
    """`value` with each ${NAME} replaced; an unset variable is an error that names it, never its neighbours' values."""
    if not isinstance(value, str):
        return value

    def lookup(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise ConfigurationError(f"sources.yaml: {where} needs the environment variable {match[1]}")
        return os.environ[match[1]]

    return VARIABLE.sub(lookup, value)


def trust(name: str) -> int:
    """How far a source is believed, 0 to 100."""
    levels = load("extraction")["trust_levels"]
    return int(levels.get(name, levels["unknown_source"]))


def model() -> str:
    """The language model that reads unstructured records."""
    return str(load("extraction")["llm"]["model"])
