"""Where systems are looked for, and what is kept where. Light, since the task tree is made from it."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def folders() -> list[Path]:
    """The project's own systems, and the folders that DEPLOY_SYSTEMS names."""
    extra = os.environ.get("DEPLOY_SYSTEMS", "")
    return [PROJECT / "deploy" / "systems", *(Path(part) for part in extra.split(os.pathsep) if part)]


def state() -> Path:
    """Where this machine keeps mirrors of repositories and of far journals: DEPLOY_STATE, else `.local` here."""
    return Path(os.environ.get("DEPLOY_STATE") or PROJECT / ".local")
