from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest

from deploy.command import paste
from deploy.errors import ConfigError, StepFailed
from deploy.steps.backup import BackupStep
from tests.backups.conftest import make, world
from tests.backups.world import PASSWORD, Said, World

pytestmark = pytest.mark.live
__all__ = ["make", "world"]
SMALL = "CREATE TABLE plain (id serial, t text); INSERT INTO plain (t) SELECT generate_series(1, 100)"


def test_it_is_done_once_and_its_facts_tell_where(world: World) -> None:
    step = BackupStep(world.deployment)
    assert not step.done()
    facts = step.do(Said())["databases"]["app"]
    assert step.done()
    assert (facts["id"], facts["path"]) == (world.deployment.id, str(world.folder / world.deployment.id / "app"))
    assert facts["receipt"]["rows"] == facts["rows"] > 500
    assert f"{world.name}_scratch_1a2b" in world.databases()


def test_undo_drops_the_scratch_database_and_keeps_the_backup(make: Callable[..., World]) -> None:
    world = make(content=SMALL)
    step = BackupStep(world.deployment)
    step.do(Said())
    assert step.undo({}, Said()) == {"dropped": [f"{world.name}_scratch_1a2b"]}
    assert step.undo({}, Said()) == {"dropped": []}
    assert world.databases() == {world.name}
    assert world.backups.find(world.deployment.id, "app").verified
    assert not step.done()


def test_a_run_that_was_cut_off_before_the_receipt_is_finished(make: Callable[..., World]) -> None:
    world = make(content=SMALL)
    step = BackupStep(world.deployment)
    step._create(Said())
    made = (world.folder / world.deployment.id / "app/manifest.json").read_bytes()
    world.sql("INSERT INTO plain (t) VALUES ('later')")
    step.do(Said())
    assert step.done()
    assert (world.folder / world.deployment.id / "app/manifest.json").read_bytes() == made


def test_scratch_databases_of_the_dead_go_and_those_of_others_stay(make: Callable[..., World]) -> None:
    world = make(content=SMALL)
    dead, busy = world.another("20260101T000000Z-dead"), world.another("20260101T000000Z-beef")
    for deployment in (dead, busy):
        BackupStep(deployment).do(Said())
    world.sql(f"CREATE DATABASE {world.name}_scratch_mine OWNER {world.name}_app", "postgres", "admin")
    with world.site.connect("app", dbname=busy.scratch("app")):
        BackupStep(world.deployment).do(Said())
    left = {name.removeprefix(f"{world.name}_scratch_") for name in world.databases()}
    assert left == {world.name, "1a2b", "beef", "mine"}


def test_without_an_administrator_there_is_no_proof(make: Callable[..., World]) -> None:
    world = make(content=SMALL)
    database = world.deployment.environment.databases["app"]
    database.__dict__["admin_url"] = None
    with pytest.raises(ConfigError, match="DATABASE_ADMIN_URL"):
        BackupStep(world.deployment).do(Said())
    assert not world.folder.exists()


def test_a_failed_proof_is_said_and_nothing_counts(make: Callable[..., World]) -> None:
    world = make(content=SMALL)
    step = BackupStep(world.deployment)
    step._create(Said())
    manifest = world.folder / world.deployment.id / "app/manifest.json"
    manifest.write_text(manifest.read_text().replace('"rows": 100', '"rows": 7'))
    with pytest.raises(StepFailed, match="7 rows before, 100 after"):
        step.do(Said())
    assert not step.done()


def test_the_plan_is_shell_that_makes_the_same_backup(make: Callable[..., World]) -> None:
    world = make(content=SMALL)
    plan = paste(BackupStep(world.deployment).plan())
    assert PASSWORD not in plan
    site, bin = world.site, world.deployment.environment.path[-1]
    env = {
        "PATH": f"{bin}:{os.environ['PATH']}",
        "PGPASSWORD": PASSWORD,
        "APP_ADMIN_URL": site.url("app", admin=True, dbname="postgres").reveal(),
    }
    done = subprocess.run(["sh", "-e"], input=plan, env=env, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    folder = world.folder / world.deployment.id / "app"
    assert (folder / "data/toc.dat").exists()
    rows = dict(line.split("|")[:2] for line in (folder / "content.txt").read_text().splitlines() if "|" in line)
    assert rows == {"public.plain": "100"}
    assert world.sql("SELECT count(*) FROM plain", world.deployment.scratch("app")) == [(100,)]
