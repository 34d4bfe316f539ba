"""Where systems are looked for, and what is kept where. Light, since the task tree is made from it."""

from __future__ import annotations

import io
import os
from collections.abc import MutableMapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def folders() -> list[Path]:
    """The project's own systems, and the folders that DEPLOY_SYSTEMS names."""
    extra = os.environ.get("DEPLOY_SYSTEMS", "")
    return [PROJECT / "deploy" / "systems", *(Path(part) for part in extra.split(os.pathsep) if part)]


def state() -> Path:
    """Where this machine keeps mirrors of repositories and of far journals: DEPLOY_STATE, else `.local` here."""
    return Path(os.environ.get("DEPLOY_STATE") or PROJECT / ".local")


def choose(environ: MutableMapping[str, str], path: Path | None = None) -> None:
    """Have DEPLOY_* of `.env` in the environment, where the environment does not say it itself. Nothing else is taken.

    Whatever is wrong with the file is told by those who read all of it.
    """
    path = path or PROJECT / ".env"
    if path.is_file() and "DEPLOY_" in (text := path.read_text("utf-8-sig", errors="replace")):
        from dotenv import dotenv_values  # only those who choose by the file pay for its reader

        found = dotenv_values(stream=io.StringIO(text), interpolate=False)
        chosen = {name: value for name, value in found.items() if value and name.startswith("DEPLOY_")}
        environ.update({**chosen, **environ})
