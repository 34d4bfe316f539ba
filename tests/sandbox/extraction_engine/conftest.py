"""One history, one server for sources and model, and databases that are copies of a loaded one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.sandbox.extraction_engine.history import make_repository
from deploy.sandbox.extraction_engine.servers import make_server
from tests.sandbox.extraction_engine.practice import Releases


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "engine.git"
    make_repository(path)
    return path


@pytest.fixture(scope="session")
def server_port() -> Iterator[int]:
    with make_server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory, repository: Path, server_port: int) -> Releases:
    return Releases(tmp_path_factory.mktemp("releases"), repository, server_port)


@pytest.fixture(scope="session")
def databases(postgres: Any, releases: Releases) -> Any:
    """Makes databases: `empty` (no tables), or a copy of one that a first release filled and the second migrated."""
    first = releases.engine("v1", postgres.create("practice_loaded"))
    first.migrate()
    first.load("load-1")
    releases.engine("v2", first.url).migrate()
    releases.engine("v2", first.url).ok("engine.extraction.merge")
    made = iter(range(1000))

    def make(*, empty: bool = False) -> str:
        name = f"practice_{next(made)}"
        if empty:
            return str(postgres.create(name))
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE practice_loaded".encode())
        return str(postgres.url(name))

    return make
