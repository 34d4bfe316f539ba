"""Questions for a cache, asked of a real one."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
import redis

from deploy.channels.redis import answer
from deploy.question import Redis, Reply, Unanswered
from deploy.sandbox.binaries import find_valkey
from deploy.secret import Secret

pytestmark = pytest.mark.live
PASSWORD = "canary-of-the-cache"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("cache"), free_port()
    configuration = folder / "cache.conf"
    configuration.write_text(f"port {port}\nbind 127.0.0.1\nrequirepass {PASSWORD}\nsave ''\ndir {folder}\n")
    server = subprocess.Popen([find_valkey(), configuration], stdout=subprocess.DEVNULL)
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
    try:
        wait_for(url)
        yield url
    finally:
        server.kill()
        server.wait()


def wait_for(url: str) -> None:
    until = time.monotonic() + 20
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.hset("a hash", mapping={"a": "1", "b": "2"})
                return
            except redis.ConnectionError:
                assert time.monotonic() < until
                time.sleep(0.02)


def ask(url: str, *commands: str) -> list[Reply | Unanswered]:
    return answer([Redis("jobs", tuple(command.split())) for command in commands], Secret(url))


def value(answer: Reply | Unanswered) -> object:
    assert isinstance(answer, Reply), answer
    return answer.value


def why(answer: Reply | Unanswered) -> str:
    assert isinstance(answer, Unanswered), answer
    return answer.why


def test_replies_come_decoded_and_maps_as_dicts(url: str) -> None:
    replies = [value(reply) for reply in ask(url, "PING", "info memory", "CONFIG GET maxmemory", "DBSIZE", "GET none")]
    ping, info, config, size, missing = replies
    assert (ping, config, size, missing) == ("PONG", {"maxmemory": "0"}, 1, None)
    assert isinstance(info, dict) and info["used_memory"] > 0


def test_a_hash_is_a_dict(url: str) -> None:
    (reply,) = answer([Redis("jobs", ("HGETALL", "a hash"))], Secret(url))
    assert value(reply) == {"a": "1", "b": "2"}


def test_a_failing_command_spoils_only_itself(url: str) -> None:
    before, wrong, few, after = ask(url, "PING", "LLEN a", "HLEN", "PING")
    assert (value(before), value(wrong), value(after)) == ("PONG", 0, "PONG")
    assert "wrong number of arguments" in why(few)


@pytest.mark.parametrize("command", ["FLUSHALL", "SET a b", "CONFIG SET maxmemory 1", "EVAL 1 0", "SHUTDOWN", ""])
def test_a_command_that_may_change_something_is_not_sent(url: str, command: str) -> None:
    refused, fine = ask(url, command, "DBSIZE")
    assert "not a command that only reads" in why(refused)
    assert value(fine) == 1


def test_a_wrong_or_missing_password(url: str) -> None:
    for wrong in (url.replace(PASSWORD, "canary-wrong"), url.replace(f":{PASSWORD}@", "")):
        answers = ask(wrong, "PING", "DBSIZE")
        assert [why(answer).startswith("not authenticated: ") for answer in answers] == [True, True]
        assert "canary" not in repr(answers)


def test_a_user_without_the_right(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", ">canary-reader", "+ping")
    allowed, denied = ask(url.replace(f":{PASSWORD}", "reader:canary-reader"), "PING", "INFO")
    assert value(allowed) == "PONG"
    assert why(denied).startswith("permission denied: ")


def test_nobody_there() -> None:
    assert "refused" in why(ask(f"redis://:{PASSWORD}@127.0.0.1:1/0", "PING")[0])


def test_a_cache_that_accepts_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        answers = answer(
            [Redis("jobs", ("PING",), timeout=0.1), Redis("jobs", ("DBSIZE",), timeout=0.2)], Secret(place)
        )
    assert [why(answer) for answer in answers] == ["timed out after 0.1 s", "timed out after 0.2 s"]


def test_the_password_is_in_no_answer(url: str) -> None:
    assert PASSWORD not in repr(ask(url, "CLIENT LIST", "INFO", "ACL WHOAMI"))
