"""The private cache: its password, its data after a restart, what a crash leaves behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.sandbox.processes import born, command_line
from deploy.sandbox.valkey import Valkey
from deploy.secret import Secret

pytestmark = pytest.mark.live


def silent(text: str) -> None: ...


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    valkey = Valkey(tmp_path / "with a blank", Secret("a-password-of-tests"))
    valkey.start(silent)
    yield valkey
    valkey.stop()


def client(valkey: Valkey) -> redis.Redis:
    return redis.Redis.from_url(valkey.url)


def test_asks_for_its_password_and_keeps_data_over_a_restart(valkey: Valkey) -> None:
    with client(valkey) as cache:
        cache.set("kept", "1")
    stranger = redis.Redis(port=valkey.daemon.port or 0, retry=Retry(NoBackoff(), 0))
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert valkey.stop() is True
    assert valkey.start(silent) is True
    with client(valkey) as cache:
        assert cache.get("kept") == b"1"


def test_killed_server_is_started_again_with_its_data(valkey: Valkey) -> None:
    with client(valkey) as cache:
        cache.set("kept", "1")
        pid = valkey.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    while born(pid):
        pass
    assert valkey.start(silent) is True
    with client(valkey) as cache:
        assert cache.get("kept") == b"1"


def test_password_is_in_the_private_configuration_only(valkey: Valkey) -> None:
    pid = valkey.pid()
    assert pid is not None
    assert "a-password-of-tests" not in command_line(pid)
    holders = [path for path in valkey.folder.rglob("*") if path.is_file() and b"a-password" in path.read_bytes()]
    assert [path.name for path in holders] == ["valkey.conf"]
    assert holders[0].stat().st_mode & 0o777 == 0o600
    assert valkey.folder.stat().st_mode & 0o777 == 0o700
