"""A Docker Engine, an image that needs no registry, and projects that are gone after the test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from deploy.sandbox.tiki_pipeline import compose_plugin, engine

from . import hostbind
from .world import World


@pytest.fixture(scope="session")
def images() -> Iterator[str]:
    """The image, with both versions of Compose and an Engine to use it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DOCKER_CONFIG", raising=False)
        engine.ensure()
        compose_plugin.ensure()
        yield hostbind.image()


@pytest.fixture
def world(images: str, request: pytest.FixtureRequest) -> Iterator[World]:
    """An environment of its own: `v1` on a host that has Compose v1 alone, `database` with a PostgreSQL."""
    kind = getattr(request, "param", "")
    root = Path(tempfile.mkdtemp(prefix="stack-"))
    made = World(root, f"stack{os.getpid()}{token_hex(3)}", kind == "v1", kind == "database")
    yield made
    hostbind.remove(made.project)
    shutil.rmtree(root)
