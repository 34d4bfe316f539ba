"""The private PostgreSQL server: what a crash, a reused id or another program leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from deploy.errors import ConfigError, DeployError
from deploy.sandbox.account import service_account
from deploy.sandbox.binaries import Binaries
from deploy.sandbox.postgres import Postgres, lock_file, server_pid
from deploy.sandbox.processes import command_line
from deploy.secret import Secret
from tests.conftest import FAST, LivePostgres

pytestmark = pytest.mark.live


@pytest.fixture
def server(reachable_folder: Path, postgres_binaries: Binaries, request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A server of the test's own, not yet started."""
    folder = reachable_folder / request.node.name[:40]
    server = Postgres(folder, postgres_binaries, Secret("a-password-of-tests"), service_account(), FAST)
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


class FullDisk(NamedTuple):
    total: int
    used: int
    free: int


def answer(server: Postgres, query: str = "select 'here'") -> object:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def make_table(server: Postgres) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("create table kept ()")


def test_server_answers_and_asks_for_its_password(postgres: LivePostgres) -> None:
    with psycopg.connect(postgres.create("answers")) as connection:
        assert connection.execute("select current_user").fetchone() == ("postgres",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url().replace(postgres.password, "wrong"))


def test_tools_are_of_the_servers_version(postgres: LivePostgres) -> None:
    version = answer(postgres.server, "show server_version")
    said = subprocess.run([postgres.bin / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
    assert str(version).split()[0] in said


def test_durability_is_left_alone_unless_asked(server: Postgres) -> None:
    server.settings = {}
    server.start()
    assert answer(server, "show fsync") == "on"
    assert answer(server, "show password_encryption") == "scram-sha-256"


def test_second_start_changes_nothing_and_data_survives_a_restart(server: Postgres) -> None:
    assert server.start() is True
    pid, port = server.pid(), server.port
    assert server.start() is False
    assert (server.pid(), server.port) == (pid, port)
    make_table(server)
    assert server.stop() is True
    assert server.stop() is False
    assert server.start() is True
    assert server.port == port
    assert answer(server, "select count(*) from kept") == 0


def test_killed_server_is_started_again_with_its_data(server: Postgres) -> None:
    server.settings = {}
    server.start()
    make_table(server)
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while command_line(pid):
        time.sleep(0.01)
    assert server.pid() is None
    assert (server.data / "postmaster.pid").exists()
    assert server.start() is True
    assert answer(server, "select count(*) from kept") == 0


def test_pid_that_another_program_got_is_not_taken_for_the_server(server: Postgres) -> None:
    server.start()
    lock = server.data / "postmaster.pid"
    left_behind = lock.read_text().partition("\n")[2]
    server.stop()
    account = server.account
    other = subprocess.Popen(["sleep", "60"], user=account.uid if account else None)
    try:
        lock.write_text(f"{other.pid}\n{left_behind}")
        if account:
            account.own(lock)
        assert server_pid(server.data) is None
        said: list[str] = []
        assert server.start(said.append) is True
        assert any(str(other.pid) in line for line in said)
        assert other.poll() is None
        assert answer(server) == "here"
    finally:
        other.kill()
        other.wait()


def test_taken_port_is_left_to_its_owner_and_the_new_one_is_kept(server: Postgres) -> None:
    server.start()
    before = server.port
    server.stop()
    said: list[str] = []
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", before))
        taken.listen()
        server.start(said.append)
    assert server.port != before
    assert any(f"Port {before} is taken" in line for line in said)
    assert answer(server) == "here"


def test_half_made_data_folder_is_moved_aside(server: Postgres) -> None:
    (server.data / "base").mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("9\n")
    said: list[str] = []
    server.start(said.append)
    assert answer(server) == "here"
    (broken,) = server.folder.glob("data.broken-*")
    assert (broken / "PG_VERSION").read_text() == "9\n"
    assert str(broken) in "".join(said)


def test_finished_data_folder_of_another_version_is_refused_and_kept(server: Postgres) -> None:
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigError, match="is of PostgreSQL 9, and the programs in"):
        server.start()
    assert (server.data / "base").is_dir()
    assert not list(server.folder.glob("data.broken-*"))


def test_failed_initdb_tells_why_and_leaves_no_password(server: Postgres) -> None:
    server.folder.mkdir()
    failing = server.folder / "initdb"
    failing.write_text("#!/bin/sh\necho no space left on device\nexit 1\n")
    failing.chmod(0o755)
    server.binaries = Binaries(server.folder, 15)
    with pytest.raises(DeployError, match=r"bytes free at(.|\n)*no space left on device"):
        server.start()
    assert not (server.folder / "initdb.password").exists()


def test_full_disk_is_told_with_the_bytes_that_are_free(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: FullDisk(5000, 904, 4096))
    with pytest.raises(ConfigError, match="the disk is full: 4096 bytes are free"):
        server.start()
    assert not server.data.exists()


def test_server_that_does_not_start_tells_its_log(server: Postgres) -> None:
    server.settings = {"shared_buffers": "nonsense"}
    with pytest.raises(DeployError, match='invalid value for parameter "shared_buffers"'):
        server.start()


def test_password_is_in_no_file_and_on_no_command_line(server: Postgres) -> None:
    server.start()
    pid, _ = lock_file(server.data)
    assert "a-password-of-tests" not in command_line(pid)
    for path in server.folder.rglob("*"):
        if path.is_file():
            assert b"a-password-of-tests" not in path.read_bytes(), path


def test_only_the_owner_can_enter(server: Postgres) -> None:
    server.start()
    assert server.data.stat().st_mode & 0o077 == 0
    assert (server.folder / "socket").stat().st_mode & 0o077 == 0
    assert server.folder.stat().st_mode & 0o007 == 0
