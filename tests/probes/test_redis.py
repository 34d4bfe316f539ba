from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from deploy.channels import redis as channel
from deploy.probes.redis import Memory, Version
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
]
KEPT = ("redis_version", "used_memory")


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    valkey = Valkey(tmp_path_factory.mktemp("cache"), Secret("a-password-of-tests"))
    valkey.start(lambda text: None)
    url = valkey.url
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


def test_a_size_that_nobody_understands_is_refused() -> None:
    with pytest.raises(ValidationError, match="512MB"):
        Memory.model_validate({"below": "half"})
    assert Memory.model_validate({"below": "2KB"}).below == 2048
