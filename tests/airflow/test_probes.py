"""What the probes of Airflow make of the answers of a real one; with RECORD=1 they are kept."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.command import Request
from deploy.question import Data
from deploy.site import Site
from deploy.steps.airflow import DagRun, read, set_pauses, triggering
from deploy.steps.variables import set_values
from tests.airflow.conftest import AWAY, site_of
from tests.airflow.server import Server
from tests.backups.world import Said
from tests.probes.asking import FAIL, PASS, UNKNOWN, Situation, asked, check

ORIGINAL, T1, F1 = {"dag": "shop_original"}, {"dag": "shop_original", "run": "t1"}, {"dag": "shop_fails", "run": "f1"}
DAILY = {**ORIGINAL, "paused": False, "schedule": "@daily"}
RIGHT, TASKS = {"values": {"shop_items": "7", "shop_rate": "0.50"}}, {"tasks": ["crawl", "load"], "ordered": True}
RATIO = {"variable": "shop_items", "by": "shop_rate", "above": 10}
SLOTS, KEYS = {"pool": "default_pool", "at_least": 1}, ["total", "rate"]
ITEMS = [
    {"task": "crawl", "key": "products", "type": "list", "size": {"equals": 7}},
    {"task": "crawl", "key": "return_value", "type": "integer", "counts": "products"},
    {"task": "crawl", "key": "stats", "type": "object", "fields": KEYS},
]
WRONG_ITEMS = [{"task": "crawl", "key": "conf", "type": "object", "filled": ["a"]}, {**ITEMS[0], "type": "object"}]
RATE = {**T1, "task": "crawl", "key": "stats", "at": "rate"}
VIEWER, WRONG, OUT = {"as": "viewer"}, {"as": "wrong"}, {"as": "away"}
HOLDS: dict[str, dict[str, Any]] = {
    "airflow.health": {},
    "airflow.login": {},
    "airflow.dag": DAILY,
    "airflow.variables": RIGHT,
    "airflow.ratio": RATIO,
    "airflow.pool": SLOTS,
    "airflow.runs": ORIGINAL,
    "airflow.run": T1,
    "airflow.tasks": {**T1, **TASKS},
    "airflow.duration": {**T1, "task": "load", "against": "shop_original", "below": 1000},
    "xcom.keys": {**T1, "keys": ITEMS},
    "xcom.value": {**RATE, "above": 2},
}
SINCE = "2024-01-01T00:00:00+00:00"
SITUATIONS = [
    Situation("airflow.import_errors", "fails", FAIL),
    Situation("airflow.import_errors", "holds", PASS, env={"fix": "yes"}),
    *(Situation(name, "holds", PASS, given, since=SINCE) for name, given in HOLDS.items()),
    *(Situation(name, "missing", UNKNOWN, given, env=OUT) for name, given in HOLDS.items()),
    *(Situation(name, "denied", UNKNOWN, HOLDS[name], env=WRONG) for name in HOLDS if name != "airflow.login"),
    Situation("airflow.import_errors", "missing", UNKNOWN, env=OUT),
    Situation("airflow.import_errors", "denied", UNKNOWN, env=WRONG),
    Situation("airflow.health", "fails", FAIL, {"components": ["scheduler", "triggerer"]}),
    Situation("airflow.login", "fails", FAIL, env=WRONG),
    Situation("airflow.dag", "fails", FAIL, {"dag": "nosuch"}),
    Situation("airflow.dag", "fails-paused", FAIL, {"dag": "shop_slow", "paused": False}),
    Situation("airflow.dag", "fails-schedule", FAIL, {"dag": "shop_slow", "schedule": True}),
    Situation("airflow.variables", "fails", FAIL, {"values": {"shop_items": "8", "absent": "1"}}),
    Situation("airflow.variables", "denied-role", UNKNOWN, RIGHT, env=VIEWER),
    Situation("airflow.ratio", "fails", FAIL, {**RATIO, "above": 30}),
    Situation("airflow.pool", "fails", FAIL, {"pool": "nosuch", "at_least": 1}),
    Situation("airflow.pool", "fails-slots", FAIL, {**SLOTS, "at_least": 9999}),
    Situation("airflow.runs", "fails", FAIL, {"dag": "shop_fails", "kind": "manual"}, since=SINCE),
    Situation("airflow.runs", "none", UNKNOWN, {"dag": "shop_slow"}, since=SINCE),
    Situation("airflow.run", "fails", FAIL, {"dag": "shop_fails", "states": ["success", "running"]}),
    Situation("airflow.run", "none", UNKNOWN, {**ORIGINAL, "run": "nosuch"}),
    Situation("airflow.tasks", "fails", FAIL, {**F1, "tasks": ["breaks", "after"]}),
    Situation("airflow.tasks", "fails-order", FAIL, {**T1, "tasks": ["load", "crawl"], "ordered": True}),
    Situation("airflow.tasks", "fails-absent", FAIL, {**T1, "tasks": ["crawl", "nosuch"]}),
    Situation("airflow.duration", "fails", FAIL, {**T1, "above": 600}),
    Situation("airflow.duration", "none", UNKNOWN, {"dag": "shop_slow", "below": 600}),
    Situation("xcom.keys", "fails", FAIL, {**T1, "keys": WRONG_ITEMS}),
    Situation("xcom.keys", "fails-absent", FAIL, {**T1, "keys": [{**ITEMS[0], "key": "nosuch"}]}),
    Situation("xcom.value", "fails", FAIL, {**RATE, "above": 30}),
    Situation("xcom.value", "none", UNKNOWN, {**RATE, "at": "nosuch", "above": 30}),
]
NOISE = {"hostname", "unixname", "pid", "file_token", "dag_versions", "dag_version", "id", "bundle_version"}


@pytest.fixture(scope="module")
def ran(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Airflow after a run that succeeded, one that failed, and a scheduled one."""
    site = site_of(server, tmp_path_factory.mktemp("site"))
    set_values(site, {"shop_items": "7", "shop_rate": "0.50"})
    for dag, run, conf in (("shop_original", "t1", {"a": None}), ("shop_fails", "f1", {})):
        site.execute(triggering(dag, run, conf))
    set_pauses(site, {"shop_original": False, "shop_fails": False, "shop_slow": True})
    for dag, run in (("shop_original", "t1"), ("shop_fails", "f1")):
        DagRun(site, dag, run).follow(Said(), 240)
    return site


def until_clean(server: Server, site: Site) -> None:
    (server.folder / "dags" / "broken.py").unlink(missing_ok=True)
    deadline = time.monotonic() + 240
    while read(site, "importErrors")["total_entries"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, ran: Site, server: Server, tmp_path: Path) -> None:
    if situation.env.get("fix"):
        until_clean(server, ran)
    told = {"wrong": {"password": "no-such-password"}, "away": {"url": AWAY, "cli": []}, "viewer": {"user": "viewer"}}
    site = site_of(server, tmp_path, **told.get(situation.env.get("as", ""), {}))
    answers = site.answer([("localhost", question) for question in asked(situation.made(), situation.scope("/srv"))])
    quiet = [dataclasses.replace(one, value=plain(one.value)) if isinstance(one, Data) else one for one in answers]
    check(situation, quiet, server.folder)


def plain(value: Any) -> Any:
    """An answer without what tells of this machine, and of nothing that probes read."""
    if isinstance(value, dict):
        return {key: plain(below) for key, below in value.items() if key not in NOISE}
    return [plain(below) for below in value] if isinstance(value, list) else value


@pytest.mark.live
def test_pausing_what_is_not_there_is_no_success(ran: Site) -> None:
    done = ran.execute(Request("PATCH", "dags/nosuch", {"is_paused": True}, exits=frozenset({404})))
    assert done.exit == 404
