"""The whole sandbox of a checkout: started, found running, stopped, reset, and started by two at once."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest
import redis
from dotenv import dotenv_values

from deploy.errors import ConfigError
from deploy.sandbox import places, sandbox
from deploy.sandbox.postgres import made_by, serving

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a running sandbox; each test finds it running and leaves it so."""
    project = tmp_path_factory.mktemp("it's a project")
    sandbox.start(project)
    yield project
    sandbox.reset(project)


def variables(project: Path) -> dict[str, str]:
    found = dotenv_values(project / ".local" / "extraction_engine.env")
    return {name: value for name, value in found.items() if value}


def pids(project: Path) -> list[int | None]:
    return [service.pid for service in sandbox.status(project)]


def test_variables_describe_services_that_answer(project: Path) -> None:
    env = variables(project)
    for name in ("SANDBOX_DATABASE_URL", "SANDBOX_DATABASE_ADMIN_URL"):
        with psycopg.connect(env[name]) as connection:
            assert connection.execute("select current_database()").fetchone() == ("engine",)
    with redis.Redis.from_url(env["SANDBOX_REDIS_URL"]) as cache:
        assert cache.ping()
    assert httpx.get(env["SANDBOX_SOURCES_URL"]).status_code < 500
    assert httpx.get(env["SANDBOX_ANTHROPIC_BASE_URL"]).status_code < 500
    assert (Path(env["SANDBOX_REPOSITORY"]) / "HEAD").exists()
    assert os.access(Path(env["SANDBOX_POSTGRES_BIN"]) / "pg_dump", os.X_OK)
    assert subprocess.run([env["SANDBOX_PYTHON"], "-c", "import venv"], check=True).returncode == 0
    assert env["SANDBOX_ROOT"] == str(project / ".local" / "extraction_engine" / "target")


def test_second_start_changes_nothing(project: Path) -> None:
    before = pids(project), variables(project)
    assert all(before[0])
    sandbox.start(project)
    assert (pids(project), variables(project)) == before


def test_programs_of_a_server_that_runs_are_asked_of_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, data = variables(project), sandbox.Sandbox(project).postgres_folder / "data"
    found = serving(data)
    assert found and (str(found.folder), found.major) == (before["SANDBOX_POSTGRES_BIN"], made_by(data))
    monkeypatch.delenv("POSTGRES_BIN", raising=False)
    monkeypatch.setattr(sandbox, "find_postgres", None)  # nobody looks for others
    sandbox.start(project)
    assert variables(project) == before


def test_passwords_and_data_survive_a_restart(project: Path) -> None:
    env = variables(project)
    with psycopg.connect(env["SANDBOX_DATABASE_URL"]) as connection:
        connection.execute("create table kept as select 1 as one")
    sandbox.stop(project)
    assert pids(project) == [None, None, None]
    sandbox.start(project)
    assert variables(project) == env
    with psycopg.connect(env["SANDBOX_DATABASE_URL"]) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)


def test_database_that_a_deployment_renamed_is_not_made_anew(project: Path) -> None:
    admin = variables(project)["SANDBOX_DATABASE_ADMIN_URL"].removesuffix("engine") + "postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("alter database engine rename to engine_aside")
    sandbox.stop(project)
    sandbox.start(project)
    with psycopg.connect(admin, autocommit=True) as connection:
        found = connection.execute("select datname from pg_database where datname like 'engine%'").fetchall()
        assert found == [("engine_aside",)]
        connection.execute("alter database engine_aside rename to engine")


def test_everything_is_private(project: Path) -> None:
    local = project / ".local"
    assert local.stat().st_mode & 0o777 == 0o700
    assert (local / "extraction_engine.env").stat().st_mode & 0o777 == 0o600
    assert (local / "keys.json").stat().st_mode & 0o777 == 0o600


def test_passwords_are_on_no_command_line_and_in_no_log(project: Path) -> None:
    keys = json.loads((project / ".local" / "keys.json").read_text())
    processes = subprocess.run(["ps", "-eww", "-o", "args="], capture_output=True, text=True, check=True).stdout
    logs = "".join(path.read_text() for path in (project / ".local").rglob("*log") if path.is_file())
    logs += (project / ".local" / "postgres" / "log").read_text()
    for name, value in keys.items():
        assert value not in processes + logs, name


def test_two_starts_at_once_make_one_sandbox(tmp_path: Path) -> None:
    script = "import sys, pathlib; from deploy.sandbox import sandbox; sandbox.start(pathlib.Path(sys.argv[1]), print)"
    root = Path(sandbox.__file__).parents[2]

    def start_one(_: int) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", script, str(tmp_path)]
        return subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)

    try:
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(start_one, range(2)))
        assert [run.returncode for run in done] == [0, 0], [run.stderr for run in done]
        assert len(re.findall("Another command is at work", done[0].stdout + done[1].stdout)) <= 1
        with psycopg.connect(variables(tmp_path)["SANDBOX_DATABASE_URL"]):
            pass
    finally:
        sandbox.reset(tmp_path)


def test_reset_leaves_nothing(tmp_path: Path) -> None:
    sandbox.start(tmp_path)
    running = pids(tmp_path)
    sandbox.reset(tmp_path)
    assert all(running)
    assert [path.name for path in (tmp_path / ".local").iterdir()] == [".lock"]
    assert not places.outside(tmp_path).exists()
    assert sandbox.status(tmp_path) == ()


def test_lost_passwords_are_told_of_until_reset(tmp_path: Path) -> None:
    sandbox.start(tmp_path)
    sandbox.stop(tmp_path)
    (tmp_path / ".local" / "keys.json").unlink()
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"passwords are gone\n.*sandbox.reset"):
            sandbox.start(tmp_path)
    sandbox.reset(tmp_path)
    assert not places.outside(tmp_path).exists()
    shutil.rmtree(tmp_path / ".local")
    sandbox.reset(tmp_path)
