"""Productions with a release of migrations, and the real Prisma CLI beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backups.world import World
from tests.migrations.conftest import bare, world
from tests.migrations.world import folder

HERE = Path(__file__).parent
__all__ = ["bare", "world"]


@pytest.fixture
def prisma(world: World) -> Callable[..., tuple[int, str]]:
    """Runs `prisma migrate WORDS` on the production of the test; returns its exit code and what it said."""
    place = folder(world).parent
    shutil.copy(HERE / "schema.prisma", place)
    url = world.site.url("app").reveal()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "DATABASE_URL": url,
        "PRISMA_SCHEMA_ENGINE_BINARY": str(HERE / "schema-engine.mjs"),
        "PRISMA_QUERY_ENGINE_LIBRARY": "/bin/true",
        "CHECKPOINT_DISABLE": "1",
        "PRISMA_HIDE_UPDATE_MESSAGE": "1",
    }
    cli = HERE / "node_modules/prisma/build/index.js"

    def run(*words: str) -> tuple[int, str]:
        line = ["node", str(cli), "migrate", *words, f"--schema={place / 'schema.prisma'}"]
        done = subprocess.run(line, cwd=place, env=env, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    return run
