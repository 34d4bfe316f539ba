"""Redis, Valkey: all questions for a cache over one connection, in one pipeline."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.question import Redis, Reply, Unanswered
from deploy.secret import Secret, mask

CONNECT_TIMEOUT = 5.0
REFUSALS = {redis.AuthenticationError: "not authenticated: ", redis.exceptions.NoPermissionError: "permission denied: "}
PAIRS = frozenset({"CONFIG GET", "HGETALL", "MEMORY STATS"})  # older protocols answer these maps as flat lists
# fmt: off
READS = frozenset({
    "PING", "INFO", "DBSIZE", "TIME", "ROLE", "LASTSAVE", "TTL", "PTTL", "EXPIRETIME", "TYPE", "EXISTS", "GET", "MGET",
    "STRLEN", "GETRANGE", "LLEN", "LRANGE", "LINDEX", "SCARD", "SISMEMBER", "SMEMBERS", "ZCARD", "ZCOUNT", "ZSCORE",
    "ZRANGE", "HLEN", "HGET", "HMGET", "HGETALL", "HEXISTS", "XLEN", "XRANGE", "SCAN", "KEYS", "CONFIG GET",
    "CLIENT LIST", "CLIENT INFO", "MEMORY USAGE", "MEMORY STATS", "MEMORY DOCTOR", "SLOWLOG GET", "SLOWLOG LEN",
    "LATENCY LATEST", "LATENCY HISTORY", "OBJECT ENCODING", "OBJECT IDLETIME", "OBJECT FREQ", "XINFO STREAM",
    "XINFO GROUPS", "ACL WHOAMI", "CLUSTER INFO",
})
# fmt: on
FAMILIES = frozenset(name.split()[0] for name in READS if " " in name)


def answer(questions: Sequence[Redis], url: Secret) -> list[Reply | Unanswered]:
    """The answers of one cache, in the order of the questions.

    `INFO` comes as a dict, as do the other maps. Where the connection is lost on the way (a command that takes too
    long, a server that goes away), each question that has no answer yet is asked again by itself.
    """
    answers: list[Reply | Unanswered | None] = [_refused(question) for question in questions]
    asked = [position for position, refused in enumerate(answers) if refused is None]
    wanted = [questions[position] for position in asked]
    try:
        found = _ask(wanted, url) if wanted else []
    except redis.RedisError as error:
        found = [_alone(question, url) for question in wanted] if _later(error) else [_unanswered(error)] * len(wanted)
    for position, one in zip(asked, found, strict=True):
        answers[position] = one
    return [one or Unanswered("the server gave no reply") for one in answers]


def _refused(question: Redis) -> Unanswered | None:
    name = _name(question.words) or "an empty command"
    return None if name in READS else Unanswered(f"{name}: not a command that only reads")


def _name(words: Sequence[str]) -> str:
    first, *rest = [word.upper() for word in words] or [""]
    return f"{first} {rest[0]}" if first in FAMILIES and rest else first


def _later(error: redis.RedisError) -> bool:
    """Whether asking one at a time may do better: not where connecting itself was refused."""
    return isinstance(error, redis.TimeoutError) or "closed by server" in str(error)


def _alone(question: Redis, url: Secret) -> Reply | Unanswered:
    try:
        return _ask([question], url)[0]
    except redis.TimeoutError as error:
        return Unanswered(f"timed out after {question.timeout:g} s", mask(str(error)), question.timeout)
    except redis.RedisError as error:
        return _unanswered(error)


def _ask(questions: Sequence[Redis], url: Secret) -> list[Reply | Unanswered]:
    started = time.monotonic()
    client: redis.Redis = redis.Redis.from_url(
        url.reveal(),
        protocol=2,  # the one that all servers speak; with it a missing password is said in so many words
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_timeout=max(question.timeout for question in questions),
        retry=Retry(NoBackoff(), 0),
    )
    client.set_response_callback("PING", lambda reply, **_: reply)  # as the server said it
    with client, client.pipeline(transaction=False) as pipeline:
        execute: Callable[..., Any] = pipeline.execute_command
        for question in questions:
            name = _name(question.words)
            execute(name, *question.words[len(name.split()) :])
        replies = pipeline.execute(raise_on_error=False)
    took = time.monotonic() - started
    return [_reply(question, value, took) for question, value in zip(questions, replies, strict=True)]


def _reply(question: Redis, value: Any, took: float) -> Reply | Unanswered:
    if isinstance(value, redis.RedisError):
        return _unanswered(value, took)
    if _name(question.words) in PAIRS and isinstance(value, list):
        return Reply(dict(zip(value[::2], value[1::2], strict=True)), took)
    return Reply(dict(value) if isinstance(value, Mapping) else value, took)


def _unanswered(error: redis.RedisError, took: float = 0.0) -> Unanswered:
    kind = next((said for type_, said in REFUSALS.items() if isinstance(error, type_)), "")
    text = kind + (mask(str(error)) or type(error).__name__)
    return Unanswered(text.splitlines()[0], text, took)
