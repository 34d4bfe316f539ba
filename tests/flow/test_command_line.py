"""The real command line on a real system: what it prints, what it leaves, and the code it ends with."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.flow.ends import assert_as_before, assert_deployed, data
from tests.flow.test_bad_releases import damage
from tests.flow.test_locking import deploying
from tests.flow.world import World, ended

pytestmark = pytest.mark.live

Done = subprocess.CompletedProcess[str]


def assert_told(done: Done, code: int, *texts: str) -> None:
    """The exit code, and in what is printed each of the texts; a person never gets a traceback."""
    printed = done.stdout + done.stderr
    assert done.returncode == code, printed
    assert "Traceback" not in printed
    for text in texts:
        assert text in printed


def files(world: World) -> dict[str, tuple[int, int]]:
    """Every file below the root with its size and the time of its last change."""
    found = [path for path in world.root.rglob("*") if not path.is_dir()]
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in found}


def test_deployment_and_rollback_end_with_0_and_are_told(world: World) -> None:
    before = data(world)
    done = world.invoke("deploy.test", "--ref=v2", "--by=Ada")
    assert_told(done, 0, "prereqs", "validate.post", "report: ")
    assert_deployed(world, before)
    (report,) = re.findall(r"report: (.+)", done.stdout)
    assert "Ada" in Path(report).read_text()

    status = world.invoke("deploy.status")
    assert_told(status, 0, world.releases["v2"], "succeeded (v2, by Ada)", "validate.post --window=24h")
    told = json.loads(world.invoke("deploy.status", "--format=json").stdout)
    assert (told["release"], told["lock"], told["unfinished"]) == (world.releases["v2"], None, None)
    assert [window["window"] for window in told["owed"]] == ["1h", "24h"]

    history = json.loads(world.invoke("deploy.history", "--format=json").stdout)
    assert [(row["ref"], row["outcome"]) for row in history] == [("v2", "succeeded"), ("v1", "succeeded")]
    assert_told(world.invoke("deploy.history"), 0, "succeeded", "v2", "Ada")
    assert_told(world.invoke("deploy.history", "--verify"), 0, "2 journals, every record in its place.")
    assert json.loads(world.invoke("deploy.history", "--verify", "--format=json").stdout)["problems"] == []

    assert_told(world.invoke("rollback", "--by=Ada"), 0, "rollback")
    assert world.state().release == world.releases["v1"]
    assert_told(world.invoke("rollback", f"--to={'0' * 12}"), 2, "--to", "no deployment came after")


def test_checks_after_a_deployment_are_judged_by_window(world: World) -> None:
    assert_told(world.invoke("validate.post"), 0)
    day = world.invoke("validate.post", "--window=24h", "--format=json")
    assert day.returncode == 6
    statuses = {result["item"]: result["status"] for result in json.loads(day.stdout)["results"]}
    assert statuses == {"mean-value": "pass", "still-coming": "unknown"}
    assert_told(world.invoke("validate.post", "--window=soon"), 2, "soon")
    assert_told(world.invoke("validate.post", "--since=yesterday"), 2, "--since")
    done = world.invoke("validate.post", f"--since={datetime.now(UTC).isoformat()}")
    assert_told(done, 0)


def test_prerequisites_are_written_as_json_and_junit(world: World) -> None:
    path = world.folder / "out"
    assert_told(world.invoke("prereqs", "--format=json", f"--output={path}"), 0)
    assert {"tools", "database", "announced"} == {row["item"] for row in json.loads(path.read_text())["results"]}
    assert_told(world.invoke("prereqs", "--format=junit", f"--output={path}"), 0)
    cases = {case.get("name") for case in ElementTree.fromstring(path.read_text()).iter("testcase")}
    assert len(cases) == 3
    assert_told(world.invoke("prereqs", "--format=yaml"), 2, "--format")
    assert_told(world.invoke("prereqs", "--output=/nonexistent/out"), 2, "/nonexistent/out")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["deploy.test", "--ref=v22"], "--ref"),
        (["deploy.status", "--env=tset"], "did you mean 'test'?"),
        (["deploy.status", "--system=tinny"], "did you mean 'tiny'?"),
        (["deploy.status", "--format=xml"], "--format"),
        (["deploy.resume"], "nothing to resume"),
        (["rollback", "--database=maybe"], "auto, restore or keep"),
        (["prereqs", "--signoffs=/nonexistent.yaml"], "/nonexistent.yaml"),
    ],
)
def test_bad_input_ends_with_2(world: World, words: list[str], named: str) -> None:
    seen = world.state()
    assert_told(world.invoke(*words), 2, named)
    assert world.state() == seen


def test_settings_that_are_missing_are_all_named(world: World) -> None:
    done = world.invoke("deploy.test", TINY_API_KEY="", TINY_ROOT="")
    assert_told(done, 2, "lacks 2 settings", "TINY_API_KEY (wanted by", "TINY_ROOT (wanted by")


def test_deployment_that_fails_ends_with_3(world: World) -> None:
    before = data(world)
    done = world.invoke("deploy.test", "--ref=halfway")
    assert_told(done, 3, "the source is exhausted", "Rolled back: production is as it was before.", "incident: ")
    assert_as_before(world, before)


def test_what_a_person_must_do_ends_with_4(world: World) -> None:
    before = data(world)
    done = world.invoke("deploy.test", "--ref=destructive", "--no-auto-rollback")
    assert_told(done, 4, "invoke deploy.resume --env=test", "invoke rollback --env=test")
    assert_told(world.invoke("deploy.test", "--ref=v2"), 4, "was cut off", "invoke deploy.resume --env=test")
    assert_told(world.invoke("deploy.status"), 0, "cut off")
    whole = damage(world)
    assert_told(world.invoke("rollback"), 4, "The rollback is incomplete", "invoke rollback --env=test")
    for path, text in whole.items():
        path.write_bytes(text)
    assert_told(world.invoke("rollback"), 0)
    assert_as_before(world, before)


def test_lock_that_is_held_ends_with_5(world: World) -> None:
    with deploying(world, "v2", "switch") as (pid, go):
        assert_told(world.invoke("deploy.test", "--ref=v2"), 5, f"(pid {pid})")
        assert_told(world.invoke("deploy.unlock"), 5, "Nothing was unlocked")
        assert_told(world.invoke("deploy.status"), 0, f"(pid {pid})")
        os.write(go, b".")
        assert ended(pid) == 0


def test_signoffs_hold_where_they_are_to_hold(world: World) -> None:
    seen = world.state()
    done = world.invoke("deploy.strict", "--ref=v2")
    assert_told(done, 6, "The gate of prereqs is closed by announced.")
    assert world.state().release == seen.release
    assert world.state().workers == 1
    signed = world.folder / "signed.yaml"
    signed.write_text("- {item: announced, by: Grace Hopper, note: on the board}\n")
    done = world.invoke("deploy.strict", "--ref=v2", f"--signoffs={signed}")
    assert_told(done, 0)
    (report,) = re.findall(r"report: (.+)", done.stdout)
    assert "Grace Hopper" in Path(report).read_text()


def test_waiver_opens_a_gate_until_it_expires(world: World) -> None:
    path = world.systems / "tiny" / "waivers.yaml"
    path.write_text("- {item: announced, owner: Ada Lovelace, reason: nobody else is here, expires: 2199-12-31}\n")
    assert_told(world.invoke("prereqs", "--env=strict"), 0)
    path.write_text("- {item: announced, owner: Ada Lovelace, reason: nobody else is here, expires: 2020-12-31}\n")
    assert_told(world.invoke("prereqs", "--env=strict"), 6, "expired on 2020-12-31")


def test_outside_of_its_hours_an_environment_refuses(world: World) -> None:
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    other = names[(datetime.now(UTC).weekday() + 3) % 7]
    signed = world.folder / "signed.yaml"
    signed.write_text("- {item: announced, by: Grace Hopper}\n")
    for more in ([], ["--yes"]):
        done = world.invoke("deploy.strict", "--ref=v2", *more, TINY_DAYS=other)
        assert_told(done, 2, "It is outside the hours of strict", "--off-hours")
    assert world.state().outcomes == ("succeeded",)
    done = world.invoke("deploy.strict", "--ref=v2", "--off-hours", f"--signoffs={signed}", TINY_DAYS=other)
    assert_told(done, 0)


def test_dry_runs_print_a_plan_and_change_nothing(world: World) -> None:
    seen, content, tree = world.state(), world.content(), files(world)
    plans = {
        "deploy": world.invoke("--dry", "deploy.test", "--ref=v2"),
        "phase": world.invoke("--dry", "migrate", "--ref=v2"),
        "rollback": world.invoke("--dry", "rollback"),
        "plan": world.invoke("rollback.plan"),
        "restore": world.invoke("rollback.plan", "--database=restore"),
    }
    for done in plans.values():
        assert_told(done, 0)
        checked = subprocess.run(["sh", "-n"], input=done.stdout, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
    assert "# == validate.post ==" in plans["deploy"].stdout
    assert "# check healthy: The release says that it is healthy" in plans["deploy"].stdout
    assert plans["rollback"].stdout == plans["plan"].stdout
    assert "pg_restore" in plans["restore"].stdout
    assert (world.state(), world.content(), files(world)) == (seen, content, tree)


def test_tampering_with_a_journal_is_found(world: World) -> None:
    path = world.archive.paths()[-1]
    path.write_text(path.read_text().replace('"tester"', '"nobody"', 1))
    assert_told(world.invoke("deploy.history", "--verify"), 2, "line 1 was changed")
