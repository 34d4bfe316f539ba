"""Where systems are looked for. Light, since the task tree is made from it."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def folders() -> list[Path]:
    """The project's own systems, and the folders that DEPLOY_SYSTEMS names."""
    extra = os.environ.get("DEPLOY_SYSTEMS", "")
    return [PROJECT / "deploy" / "systems", *(Path(part) for part in extra.split(os.pathsep) if part)]
