"""The monitor keeps what a deployment owes: windows judged when they are over, and alerts for those that fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from deploy.endpoints import Alerts
from deploy.monitor.operate import Watch, watch_of
from deploy.monitor.routes import Route
from tests.flow.test_windows import aged, change
from tests.flow.world import World

pytestmark = pytest.mark.live
__all__ = ["aged"]  # a fixture

MONITOR = """
## monitor

- [ ] The database answers
  ```yaml
  id: alive
  probe: sql.connect
  ```

## rollback
"""


def watching(world: World, told: list[str]) -> Watch:
    def send(route: Route, title: str, body: str, tone: str) -> str:
        told.extend(row.split()[1] for row in body.splitlines() if row.startswith("id "))
        return ""

    session = world.session()
    alerts = Alerts.model_validate({"routes": {"critical": "json://127.0.0.1:9/x"}, "every": "1m"})
    session.environment = session.environment.model_copy(update={"alerts": alerts})
    return watch_of(session, alert=True, send=send)


def stands(watch: Watch, minute: int) -> dict[str, tuple[str, str]]:
    results, _, _ = watch.round(datetime.now(UTC) + timedelta(minutes=minute))
    return {row.item: (row.status.value, row.found) for row in results}


def test_windows_are_judged_when_they_are_over_and_alert_when_they_are_missed(
    aged: Callable[[timedelta], World],
) -> None:
    world = aged(timedelta(hours=25))
    change(world, "\n## rollback\n", MONITOR)
    told: list[str] = []
    watch = watching(world, told)
    first = stands(watch, 0)
    assert first["window-1h"][0] == "fail" and "missed, it was over at" in first["window-1h"][1]
    assert first["window-24h"][0] == "pass" and first["window-24h"][1].startswith("done")
    assert told == ["window-1h@#1"]
    assert [stands(watch, minute)["window-1h"][0] for minute in (1, 2)] == ["pass", "pass"]
    assert told == ["window-1h@#1", "window-1h@#2"]
    assert len(list(world.archive.journals()[-1].all("checked", window="24h"))) == 1


def test_a_window_that_fails_alerts_once_and_what_nobody_can_ask_is_unknown(
    aged: Callable[[timedelta], World],
) -> None:
    world = aged(timedelta(hours=24, minutes=1))
    change(world, "\n## rollback\n", MONITOR)
    change(world, "at_least: 40", "at_least: 1000")
    told: list[str] = []
    watch = watching(world, told)
    for minute in range(3):
        assert stands(watch, minute)["window-24h"] == ("fail", "does not hold: still-coming")
    assert "window-24h@#1" in told and "window-24h@#2" not in told
    shutil.move(world.control / "journals", world.control / "gone")
    (world.control / "journals").mkdir()
    assert "window-24h" not in stands(watch, 4)  # nothing is deployed, as far as anybody knows: said by all the others
