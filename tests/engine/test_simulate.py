"""A week that is made up: each profile ends in its own verdict, and raises its own alerts and no others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.engine.checkout import Checkout, Snapshot

pytestmark = pytest.mark.live

LOCAL = ("--system", "extraction_engine", "--env", "local")
BAD = ("fail", "unknown")
ALWAYS = {"slow-statements"}  # an extension that the sandbox's database lacks


@dataclass(frozen=True)
class Ending:
    """What does not hold in which window, whether the windows hold, and which alerts fire."""

    hour: frozenset[str] = frozenset()
    day: frozenset[str] = frozenset()
    week: frozenset[str] = frozenset()
    holds: bool = True
    alerts: frozenset[str] = frozenset()


ENDINGS = {
    "healthy": Ending(),
    "failing": Ending(
        hour=frozenset({"healthy", "llm-success"}),
        day=frozenset({"log-review", "failure-batches"}),
        holds=False,
        alerts=frozenset({"failure-rate", "failed-count"}),
    ),
    "slow": Ending(day=frozenset({"no-slowdown"})),
    "silent": Ending(
        hour=frozenset({"sources-recent"}),
        day=frozenset({"cache-trend"}),
        week=frozenset({"weekly-cost"}),
        holds=False,
        alerts=frozenset({"cache-hit-rate"}),
    ),
    "costly": Ending(hour=frozenset({"llm-cost"}), alerts=frozenset({"cost-today"})),
}


def rows(checkout: Checkout, *words: str, code: int = 0) -> list[dict[str, Any]]:
    path = checkout.folder / "results.json"
    checkout.invoke(*words, *LOCAL, "--format", "json", "--output", str(path), code=code)
    return list(json.loads(path.read_text())["results"])


def test_each_profile_ends_in_its_verdict_and_alerts(v2: Snapshot, checkout: Checkout) -> None:
    for profile, ending in ENDINGS.items():
        said = checkout.invoke("sandbox.simulate", "--hours", "170", "--profile", profile)
        assert "was 170 hours ago" in said
        found = rows(checkout, "validate.post", "--window=7d", code=0 if ending.holds else 6)
        bad = {due: {row["item"] for row in found if row["due"] == due and row["status"] in BAD} for due in DUE}
        assert bad == {"1h": ending.hour, "24h": ending.day, "7d": ending.week | ALWAYS}, profile
        owed = json.loads(checkout.invoke("deploy.status", *LOCAL, "--format", "json"))["owed"]
        assert {window["state"] for window in owed} == {"done" if ending.holds else "failed"}, profile
        closed = "failure-rate" in ending.alerts
        watched = rows(checkout, "monitor", code=6 if closed else 0)
        assert {row["item"] for row in watched if row["status"] in BAD} == ending.alerts, profile


DUE = ("1h", "24h", "7d")


def test_a_day_that_has_not_passed_is_not_judged(v2: Snapshot, checkout: Checkout) -> None:
    checkout.invoke("sandbox.simulate", "--hours", "6")
    found = {row["item"]: row for row in rows(checkout, "validate.post", "--window=24h")}
    assert found["llm-success"]["status"] == "pass"
    assert found["sources-processed"]["status"] == "unknown"
    assert "of 24h have passed; so far pass" in found["sources-processed"]["found"]
    assert "no profile 'sick'" in checkout.invoke("sandbox.simulate", "--profile", "sick", code=2)
    assert "--hours" in checkout.invoke("sandbox.simulate", "--hours", "0", code=2)
