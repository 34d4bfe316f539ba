"""A week of the practice engine in seconds: rows and log lines as its jobs would have left them, hour by hour.

What is made up is marked (`sim-` ids, `"simulated": true` in the log) and goes away when it is made up anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import psycopg

from deploy import durable
from deploy.errors import ConfigError, nearest

SQL = Path(__file__).with_name("simulate.sql")
PLAIN = ("google_places", "serper", "openstreetmap")
LLM = ("serper", "openstreetmap")
EACH_HOUR = 4  # records of each source
USUAL = 0.4  # seconds for a record, where no log tells
TIMES = {
    "RawIngestion": ("ingested_at",),
    "ExtractedListing": ("createdAt", "updatedAt"),
    "FailedExtraction": ("last_attempt_at", "createdAt", "updatedAt"),
    "Listing": ("createdAt", "updatedAt"),
    "MergeConflict": ("createdAt",),
}


@dataclass(frozen=True)
class Profile:
    """How the jobs did: `silent` ran none, `failing` is the share of LLM records that failed.

    Each took `slower` seconds more than a real one did before the deployment. `batch` records fail at once with one
    message; `tokens` are written by each answer of the last day, where it is set, and a thousandth of them before.
    """

    silent: bool = False
    failing: float = 0.0
    batch: int = 0
    slower: float = 0.0
    tokens: int = 0


PROFILES = {
    "healthy": Profile(),
    "failing": Profile(failing=0.5, batch=150),
    "slow": Profile(slower=9.0),
    "silent": Profile(silent=True),
    "costly": Profile(tokens=2_500_000),
}


def profile_of(name: str) -> Profile:
    if name not in PROFILES:
        raise ConfigError(f"no profile {name!r}", where="--profile", fix=nearest(name, PROFILES))
    return PROFILES[name]


def fill(url: str, hours: int, shift: timedelta, profile: Profile) -> int:
    """Move what is there into the past by `shift`, and make up the hours since then; how many records there are now."""
    with psycopg.connect(url) as connection:
        connection.execute("""delete from "RawIngestion" where id like 'sim-%'""")
        for table, columns in TIMES.items():
            moved = ", ".join(f'"{column}" = "{column}" - %(shift)s' for column in columns)
            connection.execute(f'update "{table}" set {moved}'.encode(), {"shift": shift})
        if not profile.silent:
            _insert(connection, hours, profile)
        row = connection.execute("""select count(*) from "RawIngestion" where id like 'sim-%'""").fetchone()
    return int(row[0]) if row else 0


def _insert(connection: psycopg.Connection[Any], hours: int, profile: Profile) -> None:
    """The statements of simulate.sql, in their order. ConfigError where there is nothing that they could resemble."""
    for source in PLAIN:
        known = connection.execute('select count(*) from "ExtractedListing" where source = %s', (source,)).fetchone()
        if not known or not known[0]:
            fix = "Deploy first: invoke deploy.local"
            raise ConfigError(f"{source} has no extraction that others could resemble", where="sandbox", fix=fix)
    values = {
        "hours": hours,
        "each": EACH_HOUR,
        "sources": list(PLAIN),
        "llm": list(LLM),
        "failing": profile.failing,
        "batch": profile.batch,
        "tokens": profile.tokens,
    }
    for statement in SQL.read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            connection.execute(statement.encode(), values)


def write_log(path: Path, hours: int, shift: timedelta, profile: Profile, deployed: datetime) -> None:
    """The engine's log: its real lines moved into the past, and the made up ones after them.

    How long those took is what real ones took before the deployment, which began at `deployed`.
    """
    real = [line for line in _lines(path) if '"simulated": true' not in line]
    usual = _durations(real, deployed) or [USUAL]
    made = [] if profile.silent else [json.dumps(event) for event in _events(hours, profile, usual)]
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.replace(path, "\n".join([*(_moved(line, shift) for line in real), *made, ""]))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _durations(lines: list[str], before: datetime) -> list[float]:
    found = []
    for line in lines:
        try:
            event = json.loads(line)
            if datetime.fromisoformat(event["timestamp"]) < before:
                found.append(float(event["duration_seconds"]))
        except (ValueError, KeyError, TypeError):
            continue  # no event of ours, or one that took no time
    return found


def _moved(line: str, shift: timedelta) -> str:
    try:
        event = json.loads(line)
        event["timestamp"] = _stamp(datetime.fromisoformat(event["timestamp"]) - shift)
    except (ValueError, KeyError, TypeError):
        return line  # no event of ours
    return json.dumps(event)


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _events(hours: int, profile: Profile, usual: list[float]) -> Iterator[dict[str, Any]]:
    """A line for each record, the oldest first; every failure of an LLM is an ERROR."""
    now, took = datetime.now(UTC), cycle(usual)
    for hour in range(hours - 1, -1, -1):
        at = now - timedelta(hours=hour)
        for source in PLAIN:
            for number in range(EACH_HOUR):
                fails = source in LLM and number < EACH_HOUR * profile.failing
                told = (
                    {"error": "the model is overloaded"} if fails else {"duration_seconds": next(took) + profile.slower}
                )
                yield {
                    "timestamp": _stamp(at),
                    "level": "ERROR" if fails else "INFO",
                    "message": "extraction failed" if fails else "extracted",
                    "logger": "extraction",
                    "source": source,
                    "record_id": f"sim-{source}-{hour}-{number}",
                    **told,
                    "simulated": True,
                }
