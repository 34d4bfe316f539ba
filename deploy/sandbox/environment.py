"""The file of variables that describes the sandbox to the environment `local`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy import durable
from deploy.errors import ConfigError
from deploy.sandbox.private import Keyring

LIVE_LLM = "https://api.anthropic.com"
OPTIONS = ("SANDBOX_LIVE_LLM", "ANTHROPIC_API_KEY", "POSTGRES_BIN")
PLAIN = re.compile(r"[\w@%+=:,./?&-]*", re.ASCII)


def adopt_options(project: Path) -> None:
    """Take the sandbox's options from the project's `.env`; what the process's own environment sets wins."""
    path = project / ".env"
    if path.is_file():
        from dotenv import dotenv_values  # only those who have the file pay for its reader

        found = dotenv_values(path, interpolate=False, encoding="utf-8-sig")
        for name in OPTIONS:
            if value := found.get(name):
                os.environ.setdefault(name, value)


def write_env(path: Path, variables: Mapping[str, str]) -> None:
    """Write the variables in dotenv syntax, mode 0600; a file that says the same already is left alone."""
    text = "# Written by: invoke sandbox.start\n"
    text += "".join(f"{name}={_quoted(value)}\n" for name, value in variables.items())
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        durable.replace(path, text)


def _quoted(value: str) -> str:
    if PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def responder(recorded_url: str, keys: Keyring) -> tuple[str, str]:
    """Base URL and key of the LLM: recorded answers, or the real thing where SANDBOX_LIVE_LLM=1 asks for it."""
    if os.environ.get("SANDBOX_LIVE_LLM") != "1":
        return recorded_url, keys.secret("anthropic").reveal()
    key = os.environ.get("ANTHROPIC_API_KEY")
    if not key:
        raise ConfigError(
            "live answers are asked for, and there is no key for them",
            where="SANDBOX_LIVE_LLM",
            fix="Set ANTHROPIC_API_KEY, or unset SANDBOX_LIVE_LLM to use recorded answers.",
        )
    return LIVE_LLM, key


def base_python() -> Path:
    """The interpreter that our own virtual environment was made from: releases are built with it."""
    folder = Path(sys.base_prefix) / "bin"
    versioned = folder / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return versioned if versioned.exists() else folder / "python3"
