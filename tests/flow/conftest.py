"""Worlds to deploy in, each made in a moment by copying one in which the first release is deployed."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.channels.git import mirror
from tests.conftest import LivePostgres
from tests.flow.releases import make_repository
from tests.flow.world import Server, World


@pytest.fixture(scope="session")
def server(postgres: LivePostgres) -> Server:
    app, admin, key = (f"canary-{secrets.token_hex(12)}" for _ in range(3))
    server = Server(postgres.url, postgres.host, postgres.port, postgres.bin, app, admin, key)
    server.roles()
    return server


@pytest.fixture(scope="session")
def prepared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which v1 is deployed. It is copied, never used."""
    folder = tmp_path_factory.mktemp("prepared")
    repository = folder / "repository"
    world = World(folder, server, repository, make_repository(repository))
    world.write_system()
    server.create(world.name)
    world.deploy("v1")
    yield world
    source = mirror(str(repository)).folder
    shutil.rmtree(source)
    source.with_suffix(".lock").unlink()


@pytest.fixture
def make_world(prepared: World, tmp_path: Path) -> Iterator[Callable[[], World]]:
    worlds: list[World] = []

    def make() -> World:
        world = World(tmp_path / str(len(worlds)), prepared.server, prepared.repository, prepared.releases)
        worlds.append(world)
        world.folder.mkdir()
        world.write_system()
        shutil.copytree(prepared.root, world.root, symlinks=True)
        world.server.create(world.name, prepared.name)
        world.start_worker()
        return world

    yield make
    for world in worlds:
        world.stop_workers()


@pytest.fixture
def world(make_world: Callable[[], World]) -> World:
    """A world in which v1 is deployed, its load is there, and its worker runs."""
    return make_world()
