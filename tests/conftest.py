"""Real services for the tests marked `live`: one PostgreSQL server for each worker, gone with it."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from xdist.scheduler import LoadScopeScheduling

from deploy import secret
from deploy.sandbox.account import service_account
from deploy.sandbox.binaries import Binaries, find_postgres
from deploy.sandbox.places import reachable_binaries
from deploy.sandbox.postgres import Postgres
from deploy.secret import Secret

FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "60"}
TIKI = "tests/tiki"


class ByCost(LoadScopeScheduling):
    """Files below tests/engine share a sandbox, which takes long to make: each stays whole, and they come first.

    One Airflow serves all of tests/airflow, on one worker, and one Compose stack all of tests/tiki: what takes longest
    of all is begun before anything else.
    """

    def _split_scope(self, nodeid: str) -> str:
        for shared in ("tests/airflow", TIKI):
            if nodeid.startswith(f"{shared}/"):
                return shared
        return nodeid.partition("::")[0] if nodeid.startswith("tests/engine/") else nodeid

    def _assign_work_unit(self, node: Any) -> None:
        if TIKI in self.workqueue:
            self.workqueue.move_to_end(TIKI, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByCost:
    return ByCost(config, log)


@pytest.fixture(autouse=True)
def secrets_of_this_test_alone() -> Iterator[None]:
    """What one test calls a secret must not be masked in what the next one prints."""
    known = set(secret._known)
    yield
    secret._known.clear()
    secret._known.update(known)
    secret._pattern.cache_clear()


@dataclass(frozen=True)
class LivePostgres:
    """A running server: `user` is its superuser, `bin` the folder of psql, pg_dump and the like."""

    server: Postgres
    host: str
    port: int
    user: str
    password: str
    bin: Path

    def url(self, dbname: str = "postgres") -> str:
        return self.server.url(dbname)

    def create(self, name: str) -> str:
        """Make an empty database of this name and return its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.url(name)


@pytest.fixture(scope="session")
def reachable_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach as well, for pytest's own are closed to everybody else."""
    folder = Path(tempfile.mkdtemp(prefix="pd-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_binaries(reachable_folder: Path) -> Binaries:
    return reachable_binaries(find_postgres(), service_account(), reachable_folder)


@pytest.fixture(scope="session")
def postgres(reachable_folder: Path, postgres_binaries: Binaries) -> Iterator[LivePostgres]:
    """A server of this worker's own, without durability."""
    password = secrets.token_hex(16)
    server = Postgres(reachable_folder / "postgres", postgres_binaries, Secret(password), service_account(), FAST)
    server.start()
    try:
        yield LivePostgres(server, server.host, server.port, server.user, password, postgres_binaries.folder)
    finally:
        server.stop()
