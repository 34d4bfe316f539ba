"""A week that is made up: each profile ends in its own verdict, and raises its own alerts and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.engine.checkout import Checkout, Snapshot
from tests.monitor.doubles import receiver

pytestmark = pytest.mark.live

LOCAL = ("--system", "extraction_engine", "--env", "local")
BAD = ("fail", "unknown")
ALWAYS = {"slow-statements"}  # an extension that the sandbox's database lacks
DUE = ("1h", "24h", "7d")
TRENDS = {"duration-trend", "failure-trend", "cost-trend"}  # compared with what was before the deployment
Posted = list[dict[str, Any]]


@dataclass(frozen=True)
class Ending:
    """What does not hold in which window, whether the windows hold, what got worse, and which alerts fire.

    `either` is as the machine was: nothing was made up for it.
    """

    hour: frozenset[str] = frozenset()
    day: frozenset[str] = frozenset()
    week: frozenset[str] = frozenset()
    holds: bool = True
    worse: frozenset[str] = frozenset()
    either: frozenset[str] = frozenset()
    alerts: frozenset[str] = frozenset()


ENDINGS = {
    "healthy": Ending(),
    "failing": Ending(
        hour=frozenset({"healthy", "llm-success"}),
        day=frozenset({"log-review", "failure-batches", "failure-trend"}),
        holds=False,
        worse=frozenset({"failure-trend"}),
        alerts=frozenset({"failure-rate", "failed-count"}),
    ),
    "slow": Ending(
        day=frozenset({"no-slowdown", "duration-trend"}),
        worse=frozenset({"duration-trend"}),
        alerts=frozenset({"duration-alert"}),
    ),
    "silent": Ending(  # all that is there is the load of the deployment itself
        hour=frozenset({"sources-recent"}),
        day=frozenset({"cache-trend"}),
        either=frozenset({"duration-trend"}),
        week=frozenset({"weekly-cost"}),
        holds=False,
        alerts=frozenset({"cache-hit-rate"}),
    ),
    "costly": Ending(
        hour=frozenset({"llm-cost"}),
        week=frozenset({"cost-trend"}),
        worse=frozenset({"cost-trend"}),
        alerts=frozenset({"cost-today"}),
    ),
}


@pytest.fixture
def posted(v2: Snapshot, checkout: Checkout) -> Iterator[Posted]:
    """What the alerts of the environment bring to a webhook that is really there, at the first sight of a fault."""
    description, settings = checkout.system / "system.yaml", checkout.folder / ".env"
    text = description.read_text(encoding="utf-8")
    with receiver() as (port, got):
        settings.write_text(f"ALERT_URLS=json://127.0.0.1:{port}/\n")
        description.write_text(text.replace("      routes:", "      after: 1\n      routes:", 1), encoding="utf-8")
        yield got
    description.write_text(text, encoding="utf-8")
    settings.unlink()


def rows(checkout: Checkout, *words: str, code: int = 0) -> list[dict[str, Any]]:
    path = checkout.folder / "results.json"
    checkout.invoke(*words, *LOCAL, "--format", "json", "--output", str(path), code=code)
    return list(json.loads(path.read_text())["results"])


@pytest.mark.parametrize("profile", ENDINGS)
def test_each_profile_ends_in_its_verdict_and_alerts(profile: str, posted: Posted, checkout: Checkout) -> None:
    ending = ENDINGS[profile]
    assert "was 170 hours ago" in checkout.invoke("sandbox.simulate", "--hours", "170", "--profile", profile)
    found = rows(checkout, "validate.post", "--window=7d", code=0 if ending.holds else 6)
    found = [row for row in found if row["item"] not in ending.either]
    bad = {due: {row["item"] for row in found if row["due"] == due and row["status"] in BAD} for due in DUE}
    assert bad == {"1h": ending.hour, "24h": ending.day, "7d": ending.week | ALWAYS}
    assert {row["item"] for row in found if row["item"] in TRENDS and row["status"] == "fail"} == ending.worse
    owed = json.loads(checkout.invoke("deploy.status", *LOCAL, "--format", "json"))["owed"]
    assert {window["state"] for window in owed} == {"done" if ending.holds else "failed"}
    closed = "failure-rate" in ending.alerts or not ending.holds
    watched = rows(checkout, "monitor", "--alert", code=6 if closed else 0)
    owes = set() if ending.holds else {f"window-{due}" for due in DUE}
    assert {row["item"] for row in watched if row["status"] in BAD} == ending.alerts | owes
    told = [item for got in posted for item in re.findall(r"^id +([\w-]+)@", got["message"], re.MULTILINE)]
    assert sorted(told) == sorted(ending.alerts | owes)


def test_a_day_that_has_not_passed_is_not_judged(v2: Snapshot, checkout: Checkout) -> None:
    checkout.invoke("sandbox.simulate", "--hours", "6")
    found = {row["item"]: row for row in rows(checkout, "validate.post", "--window=24h")}
    assert found["llm-success"]["status"] == "pass"
    assert found["sources-processed"]["status"] == "unknown"
    assert "of 24h have passed; so far pass" in found["sources-processed"]["found"]
    assert "no profile 'sick'" in checkout.invoke("sandbox.simulate", "--profile", "sick", code=2)
    assert "--hours" in checkout.invoke("sandbox.simulate", "--hours", "0", code=2)


def test_a_first_deployment_has_nothing_to_be_compared_with(v1: Snapshot, checkout: Checkout) -> None:
    (kept,) = checkout.records("baseline")
    assert (set(kept["lacking"]), kept["numbers"]) == (TRENDS - {"duration-trend"}, {"duration-trend": []})
    checkout.invoke("sandbox.simulate", "--hours", "170")
    found = {row["item"]: row for row in rows(checkout, "validate.post", "--window=7d")}
    assert {name: found[name]["status"] for name in TRENDS} == dict.fromkeys(TRENDS, "unknown")
    assert [found[name]["found"] for name in TRENDS if not found[name]["found"].endswith("before the deployment")] == []
