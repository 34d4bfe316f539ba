"""The real command line against a real database that goes away, with a webhook that really receives."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import yaml

from deploy.monitor import operate
from deploy.monitor.routes import send
from deploy.monitor.state import FILE
from tests.flow.monitor.world import away, back, folder_of, ids, monitored, session
from tests.flow.test_command_line import assert_told
from tests.flow.world import World
from tests.monitor.doubles import START, receiver

pytestmark = pytest.mark.live


def test_a_fault_is_alerted_once_and_its_end_too(world: World) -> None:
    monitored(world)
    with receiver() as (port, posted):
        routes = {"TINY_ALERT_URLS": f"json://127.0.0.1:{port}/canary-hook"}
        assert_told(world.invoke("monitor", "--alert"), 2, "nobody is told", "alerts.routes.critical")
        assert_told(world.invoke("monitor", "--alert", "--limit=app", **routes), 2, "alerts are about all hosts")
        assert_told(world.invoke("monitor.status"), 6, "never", "is late")
        here = operate.watch_of(session(world, routes["TINY_ALERT_URLS"]), alert=True)
        here.round(operate.now_utc())
        away(world)
        for _ in range(3):
            done = world.invoke("monitor", "--alert", **routes)
            assert_told(done, 6, "The database answers")
            assert done.stderr == ""  # cron mails every word that is said there
        ((head, text),) = [(each["title"], each["message"]) for each in posted if each["type"] == "failure"]
        assert head == "[critical] tiny in test: 2 changes"
        assert ids(text) == ["database-alive@localhost#1", "records@localhost#1"]
        assert "do        Start it." in text
        found = json.loads(world.invoke("monitor.status", "--format=json").stdout)
        assert (found["late"], found["said"]) == (False, "3 pass, 3 unknown")
        assert {each["item"] for each in found["open"]} >= {"database-alive@localhost", "records@localhost"}
        back(world)
        here.round(operate.now_utc())
        assert_told(world.invoke("monitor", "--alert", **routes), 0, "6 passed")
        assert ids(posted[-1]["message"]) == ["database-alive@localhost#2", "records@localhost#2"]
        assert posted[-1]["type"] == "success"
    assert "canary" not in (folder_of(world) / FILE).read_text()


def test_every_route_is_tried_and_the_broken_one_is_named(world: World) -> None:
    monitored(world)
    with receiver() as (port, posted):
        good, bad = f"json://127.0.0.1:{port}/canary-good", f"json://127.0.0.1:{port}/no/canary-bad"
        done = world.invoke("monitor.test-alert", TINY_ALERT_URLS=f"{good} {bad}")
    assert_told(done, 6, "ok      json://*** (critical", "failed  json://*** (critical", "HTTP 503")
    assert "canary" not in done.stdout + done.stderr
    assert [each["title"] for each in posted] == ["[test] tiny in test: a test alert"]


def test_a_lost_network_and_a_full_disk_are_said_loudly(world: World) -> None:
    monitored(world)
    with receiver() as (port, posted):
        url = f"json://127.0.0.1:{port}"
        away(world)
        for code, told in ((6, ""), (4, "not delivered yet")):
            done = world.invoke("monitor", "--alert", TINY_ALERT_URLS=f"{url}/no/canary")
            assert_told(done, code, told)
        assert_told(world.invoke("monitor.status"), 0, "to send", "changes, not delivered yet")
        (folder_of(world) / FILE).unlink()
        folder_of(world).rmdir()
        folder_of(world).touch()  # not even root can make a file below a file
        done = world.invoke("monitor", "--alert", TINY_ALERT_URLS=f"{url}/canary")
        assert_told(done, 4, "cannot be written", str(folder_of(world)))
    assert "canary" not in done.stdout + done.stderr
    assert ids(posted[0]["message"]) == ["database-alive@localhost#1", "records@localhost#1", "monitor-state@#1"]


def test_watching_in_a_pipe_metrics_and_rules(world: World) -> None:
    monitored(world)
    done = world.invoke("monitor.watch", "--every=1s", "--rounds=2")
    assert_told(done, 0)
    assert [line.partition(" ")[2] for line in done.stdout.splitlines()] == ["tiny in test: 4 pass"] * 2
    path = world.folder / "deploy.prom"
    assert_told(world.invoke("monitor.export", f"--output={path}"), 0)
    assert 'deploy_item_value{environment="test",host="localhost",item="records"' in path.read_text()
    rules = yaml.safe_load(world.invoke("monitor.rules").stdout)
    assert {rule["alert"] for rule in rules["groups"][0]["rules"]} >= {"DeployRecords", "DeployMonitorLate"}
    plan = world.invoke("--dry", "monitor.install", "--way=cron", TINY_ALERT_URLS="json://127.0.0.1:1/canary")
    assert_told(plan, 0, "*/5 * * * * cd ", f"DEPLOY_SYSTEMS={world.systems}")
    assert "canary" not in plan.stdout


def test_two_hours_of_restarts_and_a_lost_network_each_change_arrives_once(world: World) -> None:
    """A round a minute on an accelerated clock, every answer and every alert a real one."""
    monitored(world, every="1m")
    restarts = {10: away, 15: back, 50: away, 52: back, 80: away, 81: back, 90: away, 95: back}
    with receiver() as (port, posted):
        url = f"json://127.0.0.1:{port}"
        watch = operate.watch_of(session(world, f"{url}/hook"), alert=True)
        assert watch.monitor
        for minute in range(120):
            restarts.get(minute, lambda world: None)(world)
            network = not 48 <= minute < 60
            watch.monitor.send = send if network else lambda *message: "not reached, or not accepted"
            watch.round(START + timedelta(minutes=minute))
    told = [identity for each in posted for identity in ids(each["message"])]
    for item in ("database-alive", "records"):
        assert [i for i in told if i.startswith(item)] == [f"{item}@localhost#{n + 1}" for n in range(6)]


def test_where_nothing_can_be_asked_every_item_is_an_alert(world: World) -> None:
    monitored(world)
    with receiver() as (port, posted):
        watch = operate.watch_of(session(world, f"json://127.0.0.1:{port}"), alert=True)
        watch.round(START)
        (world.root / "current").unlink()
        for minute in range(1, 3):
            watch.round(START + timedelta(minutes=minute))
    (message,) = [each["message"] for each in posted if each["type"] == "failure"]
    assert ids(message) == [f"{item}@localhost#1" for item in ("database-alive", "records", "room")]
    assert "nothing is deployed" in message
