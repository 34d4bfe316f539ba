from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from pydantic import ValidationError

from deploy.channels import redis as channel
from deploy.probes.redis import HitRate, Memory, Ping, Version
from deploy.question import Redis, Reply
from deploy.sandbox.valkey import Valkey
from deploy.secret import Secret

from .asking import FAIL, PASS, UNKNOWN, Situation, asked, check

WRONG, AWAY = {"as": "wrong"}, {"as": "away"}

SITUATIONS = [
    Situation("redis.ping", "holds", PASS),
    Situation("redis.ping", "missing", UNKNOWN, env=AWAY),
    Situation("redis.ping", "denied", UNKNOWN, env=WRONG),
    Situation("redis.version", "holds", PASS, {"at_least": "6.2"}),
    Situation("redis.version", "fails", FAIL, {"at_least": "99"}),
    Situation("redis.version", "missing", UNKNOWN, {"at_least": "6.2"}, env=AWAY),
    Situation("redis.version", "denied", UNKNOWN, {"at_least": "6.2"}, env=WRONG),
    Situation("redis.memory", "holds", PASS, {"below": "512MB"}),
    Situation("redis.memory", "fails", FAIL, {"below": 1000}),
    Situation("redis.memory", "missing", UNKNOWN, {"below": "1 GB"}, env=AWAY),
    Situation("redis.memory", "denied", UNKNOWN, {"below": "1GB"}, env=WRONG),
    Situation("redis.hit_rate", "holds", PASS, {"above": 60, "lookups": 3}),
    Situation("redis.hit_rate", "fails", FAIL, {"above": 80}),
    Situation("redis.hit_rate", "unknown-few", UNKNOWN, {"above": 10, "lookups": 100}),
    Situation("redis.hit_rate", "missing", UNKNOWN, {"above": 80}, env=AWAY),
    Situation("redis.hit_rate", "denied", UNKNOWN, {"above": 80}, env=WRONG),
]
KEPT = ("redis_version", "used_memory", "keyspace_hits", "keyspace_misses")


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    valkey = Valkey(tmp_path_factory.mktemp("cache"), Secret("a-password-of-tests"))
    valkey.start(lambda text: None)
    url = valkey.url
    lookups = [Redis("cache", ("GET", name)) for name in ("x", "x", "y")]
    with redis.Redis.from_url(url) as client:
        client.set("x", "1")
    channel.answer(lookups, Secret(url))
    yield {"right": url, "wrong": url.replace("a-password-of-tests", "no"), "away": "redis://127.0.0.1:1/0"}
    valkey.stop()


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, urls: dict[str, str]) -> None:
    (question,) = asked(situation.made(), situation.scope("/srv"))
    assert isinstance(question, Redis)
    (found,) = channel.answer([question], Secret(urls[situation.env.get("as", "right")]))
    if isinstance(found, Reply) and isinstance(found.value, dict):
        found = Reply({name: found.value[name] for name in KEPT if name in found.value}, found.took)
    check(situation, [found])


def test_info_as_text_is_read_as_well() -> None:
    text = "# Server\r\nredis_version:7.2.4\r\nos:a:b\r\n"
    assert Version(at_least="7.2").judge(Reply(text)).status is PASS
    assert Version(at_least="7.10").judge(Reply(text)).status is FAIL
    assert Memory(below=10).judge(Reply(text)).status is UNKNOWN
    assert Version(at_least="7").judge(Reply(None)).status is UNKNOWN


def test_no_lookups_are_no_rate_and_a_complaint_is_no_pong() -> None:
    assert HitRate(above=0).judge(Reply({"keyspace_hits": 0, "keyspace_misses": 0})).status is UNKNOWN
    assert HitRate(above=0).judge(Reply("NOAUTH Authentication required.")).status is UNKNOWN
    assert Ping().judge(Reply("NOAUTH Authentication required.")).status is FAIL


def test_a_size_that_nobody_understands_is_refused() -> None:
    with pytest.raises(ValidationError, match="512MB"):
        Memory.model_validate({"below": "half"})
    assert Memory.model_validate({"below": "2KB"}).below == 2048
