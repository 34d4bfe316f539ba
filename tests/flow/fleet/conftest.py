"""A fleet for this worker, and worlds on it: each test finds three hosts on which v1 is deployed and works."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import LivePostgres
from tests.flow.fleet.world import FleetWorld, relay
from tests.flow.releases import make_repository
from tests.flow.world import Server
from tests.ssh.world import Fleet


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    with Fleet(3) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def relayed(fleet: Fleet, postgres: LivePostgres) -> Iterator[int]:
    with relay(f"10.77.{fleet.number}.254", postgres.host, postgres.port) as port:
        yield port


@pytest.fixture(scope="session")
def prepared(
    server: Server, fleet: Fleet, relayed: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FleetWorld]:
    """A world in which v1 is deployed. It is copied, never used."""
    folder = tmp_path_factory.mktemp("prepared")
    repository = folder / "repository"
    world = FleetWorld(folder, server, repository, make_repository(repository), fleet=fleet, port=relayed)
    world.write_system()
    server.create(world.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEPLOY_STATE", str(folder / "state"))
        world.deploy("v1")
    for host in fleet.hosts:
        shutil.move(world.root_of(host), host.srv / "prepared")
    yield world


@pytest.fixture
def world(prepared: FleetWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetWorld]:
    """Three hosts on which v1 is deployed, its load is there, and workers run."""
    one = prepared
    made = FleetWorld(tmp_path, one.server, one.repository, one.releases, fleet=one.fleet, port=one.port)
    monkeypatch.setenv("DEPLOY_STATE", str(tmp_path / "state"))
    made.write_system()
    made.server.create(made.name, one.name)
    for host in one.fleet.hosts:
        shutil.copytree(host.srv / "prepared", made.root_of(host), symlinks=True)
    made.start_workers()
    yield made
    made.stop_workers()
    for host in one.fleet.hosts:
        one.fleet.heal(host)
        shutil.rmtree(made.root_of(host), ignore_errors=True)


@pytest.fixture
def on_hosts(world: FleetWorld) -> Callable[[str], list[bool]]:
    """Whether a path below the root is there, host by host."""
    return lambda path: [(world.root_of(host) / path).exists() for host in world.fleet.hosts]
