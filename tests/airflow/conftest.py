"""One real Airflow for all tests of this folder: they run on one worker (see the scheduler in tests/conftest.py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.deployment import Deployment
from deploy.sandbox.tiki_pipeline import airflow_venv
from deploy.secret import Secret
from deploy.site import Site
from deploy.system import Environment, System
from tests.airflow.server import PASSWORD, Server
from tests.conftest import LivePostgres

AWAY = "http://127.0.0.1:1"


@pytest.fixture(scope="session")
def server(postgres: LivePostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An Airflow with SimpleAuth and LocalExecutor: its DAGs are parsed, paused, and never ran."""
    url = postgres.create("airflow").replace("postgresql://", "postgresql+psycopg2://")
    started = Server(airflow_venv.ensure(), tmp_path_factory.mktemp("airflow"), url)
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture
def site(server: Server, tmp_path: Path) -> Callable[..., Site]:
    """A site whose Airflow is the server; `user`, `password`, `url`, `cli` differ where a test wants it."""

    def make(**given: Any) -> Site:
        return site_of(server, tmp_path, **given)

    return make


def site_of(server: Server, root: Path, **given: Any) -> Site:
    databases = given.pop("databases", {})
    known = {"url": server.url, "user": "admin", "password": PASSWORD, "cli": server.cli, **given}
    described = {"name": "test", "root": str(root), "repository": "", "databases": databases}
    return Site(Environment.model_validate({**described, "airflow": known}))


@pytest.fixture
def metadata(server: Server) -> str:
    """The URL of Airflow's own database."""
    return server.database.replace("postgresql+psycopg2://", "postgresql://")


@pytest.fixture
def deployment(site: Callable[..., Site], metadata: str, tmp_path: Path) -> Callable[..., Deployment]:
    """A deployment of a system with the workflows that a test describes; its database is Airflow's own."""

    def make(**workflows: Any) -> Deployment:
        known = {"original": "shop_original", "optimised": "shop_optimised", "parse_timeout": 60, **workflows}
        described = {"name": "s", "title": "S", "folder": tmp_path, "flow": ["prereqs"], "workflows": known}
        system, at = System.model_validate(described), site(databases={"airflow": {"url": metadata}})
        identity = f"t{time.monotonic_ns()}"
        return Deployment(identity, system, at.environment, at, "main", "c" * 40, None)

    return make


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is away in a test stays away."""
    monkeypatch.setattr("deploy.steps.airflow.BETWEEN", 0)


@pytest.fixture(autouse=True)
def the_password_is_a_secret() -> None:
    Secret(PASSWORD)
