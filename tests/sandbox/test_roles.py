"""What the engine's two users may do, on each PostgreSQL that there is: the installed one and the wheel's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deploy.sandbox import roles
from deploy.sandbox.account import service_account
from deploy.sandbox.binaries import carried_postgres, find_postgres
from deploy.sandbox.places import reachable_binaries
from deploy.sandbox.postgres import Postgres
from deploy.secret import Secret
from tests.conftest import FAST

pytestmark = pytest.mark.live
APP, ADMIN = Secret("password-of-the-app"), Secret("password-of-the-admin")


@dataclass(frozen=True)
class Server:
    postgres: Postgres

    def url(self, user: str, password: Secret, dbname: str = "engine") -> str:
        return f"postgresql://{user}:{password.reveal()}@{self.postgres.host}:{self.postgres.port}/{dbname}"

    def app(self, dbname: str = "engine") -> psycopg.Connection:
        return psycopg.connect(self.url(roles.APP, APP, dbname), autocommit=True)

    def admin(self, dbname: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(self.url(roles.ADMIN, ADMIN, dbname), autocommit=True)

    def run(self, program: str, *arguments: str) -> None:
        """A client tool, as the admin."""
        env = {**os.environ, "PGPASSWORD": ADMIN.reveal(), "PGUSER": roles.ADMIN, "PGHOST": self.postgres.host}
        argv = [self.postgres.binaries.folder / program, *arguments]
        done = subprocess.run(argv, env={**env, "PGPORT": str(self.postgres.port)}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=["found", "carried"])
def server(reachable_folder: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    binaries = find_postgres() if request.param == "found" else carried_postgres()
    assert binaries is not None
    account, folder = service_account(), reachable_folder / f"roles-{request.param}"
    folder.mkdir(mode=0o711)
    binaries = reachable_binaries(binaries, account, folder)
    postgres = Postgres(folder / "postgres", binaries, Secret("password-of-the-superuser"), account, FAST)
    postgres.start()
    try:
        roles.prepare(postgres.url(), APP, ADMIN)
        roles.prepare(postgres.url(), APP, ADMIN)
        yield Server(postgres)
    finally:
        postgres.stop()
        shutil.rmtree(folder)


def test_the_app_makes_tables_schemas_and_extensions(server: Server) -> None:
    with server.app() as connection:
        connection.execute("create table if not exists made_by_app (id int primary key)")
        connection.execute("create schema if not exists app_schema")
        connection.execute("create extension if not exists pg_trgm")


@pytest.mark.parametrize(
    "statement",
    ["create database x", "alter database engine rename to x", "create role x", "set role engine_admin",
     "alter system set work_mem = '1MB'"],
)  # fmt: skip
def test_the_app_may_not(server: Server, statement: str) -> None:
    with server.app() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize("statement", ["create role x", "alter system set work_mem = '1MB'", "set role postgres"])
def test_the_admin_is_no_superuser(server: Server, statement: str) -> None:
    with server.admin() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_a_dump_restores_with_its_owners_and_takes_the_place_by_rename(server: Server, tmp_path: Path) -> None:
    with server.app() as connection:
        connection.execute("create schema if not exists app_schema")
        connection.execute("create extension if not exists pg_trgm")
        connection.execute("create table listing as select generate_series(1, 10) as id")
        connection.execute("create table app_schema.other (id serial)")
    server.run("pg_dump", "-Fd", "-j2", "-f", str(tmp_path / "dump"), "engine")
    with server.admin() as admin:
        admin.execute("create database engine_scratch template template0 owner engine_app")
        server.run("pg_restore", "--exit-on-error", "-j2", "-d", "engine_scratch", str(tmp_path / "dump"))
        with server.app():
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'engine'")
            admin.execute("alter database engine rename to engine_replaced")
        admin.execute("alter database engine_scratch rename to engine")
    with server.app() as connection:
        owners = "select tablename, tableowner from pg_tables where tablename in ('listing', 'other') order by 1"
        assert connection.execute(owners).fetchall() == [("listing", "engine_app"), ("other", "engine_app")]
        assert connection.execute("select count(*) from listing").fetchone() == (10,)
        connection.execute("create table made_after_the_swap ()")
    with server.admin() as admin:
        admin.execute("drop database engine")
        admin.execute("alter database engine_replaced rename to engine")


def test_passwords_reach_the_server_as_verifiers_only(server: Server) -> None:
    with psycopg.connect(server.postgres.url(), autocommit=True) as connection:
        connection.execute("alter system set log_statement = 'all'")
        connection.execute("select pg_reload_conf()")
    roles.prepare(server.postgres.url(), APP, ADMIN)
    logged = server.postgres.log.read_text()
    assert APP.reveal() not in logged
    assert ADMIN.reveal() not in logged
