"""The same fault raises the same alert on both roads: our loop and a webhook, Prometheus and Alertmanager."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.monitor import metrics, operate
from deploy.monitor.operate import Watch
from deploy.monitor.rules import Rules, alert_name
from tests.flow.monitor.servers import prometheus
from tests.flow.monitor.world import away, back, eventually, ids, monitored, session
from tests.flow.world import World
from tests.monitor.doubles import receiver

pytestmark = pytest.mark.live


@contextmanager
def evaluating(watch: Watch, path: Path) -> Iterator[None]:
    """Round after round in the background: people are told, and the metrics written, by the same results."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.4):
            now = operate.now_utc()
            results, _, _ = watch.round(now)
            metrics.export(results, operate.place_of(watch.session), now, path)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def ours(posted: list[dict[str, Any]], kind: str) -> set[str]:
    """The items of our own messages: alerts, or recoveries."""
    events = [block for each in posted for block in each["message"].split("\n\n")]
    return {alert_name(ids(block)[0].partition("@")[0]) for block in events if block.startswith(kind)}


def about_items(posted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What Alertmanager said of items; on a busy machine our loop may be late, which is an alert of its own."""
    return [alert for each in posted for alert in each["alerts"] if "item" in alert["labels"]]


def theirs(posted: list[dict[str, Any]], status: str) -> set[str]:
    return {alert["labels"]["alertname"] for alert in about_items(posted) if alert["status"] == status}


def test_one_fault_raises_the_same_alerts_on_both_roads(world: World, tmp_path: Path) -> None:
    monitored(world, every="2s")
    folder = tmp_path / "metrics"
    folder.mkdir()
    with receiver() as (our_port, ours_posted), receiver() as (port, posted):
        place = session(world, f"json://127.0.0.1:{our_port}/hook")
        watch = operate.watch_of(place, alert=True)
        rules = Rules(operate.place_of(place), place.environment.alerts).text(place.checklist.phase("monitor"))
        watch.round(operate.now_utc())
        hook = f"http://127.0.0.1:{port}/hook"
        with evaluating(watch, folder / "deploy.prom"), prometheus(tmp_path, rules, folder, hook):
            world_without_records(world)
            fault(ours_posted, posted, "FAIL", {"DeployRecords"})
            world_with_records(world)
            ended(ours_posted, posted, {"DeployRecords"})
            ours_posted.clear()
            posted.clear()
            away(world)
            lost = {"DeployDatabaseAlive", "DeployRecords", "DeployPlaces"}
            fault(ours_posted, posted, "UNKNOWN", lost)
            back(world)
            eventually("Prometheus does not say that it is over", lambda: theirs(posted, "resolved") == lost)
    told = about_items(posted)
    assert {alert["labels"]["kind"] for alert in told} == {"unknown"}
    assert {a["annotations"].get("action") for a in told if a["labels"]["item"] == "records"} == {"Load again."}


def fault(ours_posted: list[dict[str, Any]], posted: list[dict[str, Any]], kind: str, names: set[str]) -> None:
    eventually("our loop does not say so", lambda: ours(ours_posted, kind) == names)
    eventually("Prometheus does not say so", lambda: theirs(posted, "firing") == names)


def ended(ours_posted: list[dict[str, Any]], posted: list[dict[str, Any]], names: set[str]) -> None:
    eventually("our loop does not say that it is over", lambda: ours(ours_posted, "RECOVERED") == names)
    eventually("Prometheus does not say that it is over", lambda: theirs(posted, "resolved") == names)


def world_without_records(world: World) -> None:
    with world.server.superuser(world.name) as connection:
        connection.execute("create table kept as table record")
        connection.execute("delete from record where n > 10")


def world_with_records(world: World) -> None:
    with world.server.superuser(world.name) as connection:
        connection.execute("insert into record select * from kept where n > 10")
