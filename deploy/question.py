"""What a probe asks, and what comes back, as data. Channels turn the one into the other; probes never run anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OK = frozenset({0})


@dataclass(frozen=True)
class Shell:
    """POSIX sh to run on a host, read-only. `exits` are the legal exit codes: any other is no answer, never a "no".

    `timeout` is in seconds; standard output and error are cut at `limit` bytes each, which spoils the answer. `app`
    gives the script the application's own environment and secrets, over standard input.
    """

    script: str
    app: bool = False
    exits: frozenset[int] = OK
    timeout: float = 10.0
    limit: int = 1_000_000


@dataclass(frozen=True)
class Sql:
    """Statements for one database of the system, each read-only; `timeout` in seconds applies to each of them."""

    database: str
    statements: tuple[str, ...]
    params: Mapping[str, object] = field(default_factory=dict)
    timeout: float = 30.0


@dataclass(frozen=True)
class Redis:
    """One command for a cache of the system, e.g. `("INFO", "memory")`."""

    cache: str
    words: tuple[str, ...]
    timeout: float = 5.0


@dataclass(frozen=True)
class Http:
    """One GET or HEAD request."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0


@dataclass(frozen=True)
class Docker:
    """What the Docker Engine of the environment knows of its Compose project: `services`, `stats`, `logs`, `version` …

    `options` narrow it down (e.g. `since`, `services`, `samples`).
    """

    what: str
    options: Mapping[str, object] = field(default_factory=dict)
    timeout: float = 20.0


@dataclass(frozen=True)
class Airflow:
    """One GET below the root of Airflow's REST API, e.g. `dags/nightly`."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 20.0


Question = Shell | Sql | Redis | Http | Docker | Airflow


@dataclass(frozen=True)
class Unanswered:
    """Why there is no answer: unreachable, timed out, tool missing, permission denied, an exit nobody allowed."""

    why: str
    evidence: str = ""
    took: float = 0.0


@dataclass(frozen=True)
class Output:
    """The answer to `Shell`. The host gave it at `at`, seconds since the epoch by our clock, give or take `within`."""

    exit: int
    out: str
    err: str = ""
    took: float = 0.0
    at: float = field(default=0.0, compare=False)
    within: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Rows:
    """The answer to `Sql`: for each statement, its rows as tuples in the order asked."""

    sets: tuple[tuple[tuple[object, ...], ...], ...]
    columns: tuple[tuple[str, ...], ...] = ()
    took: float = 0.0


@dataclass(frozen=True)
class Reply:
    """The answer to `Redis`: what the server said, decoded; maps as dict, bulk as str."""

    value: object
    took: float = 0.0


@dataclass(frozen=True)
class Response:
    """The answer to `Http`."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    took: float = 0.0


@dataclass(frozen=True)
class Data:
    """The answer to `Docker` and `Airflow`: JSON as Python has it; `note` tells of an unusual way by which it came."""

    value: object
    took: float = 0.0
    note: str = ""


Answer = Output | Rows | Reply | Response | Data
