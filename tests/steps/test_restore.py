from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import psycopg
import pytest

from deploy.backups import swap
from deploy.backups.swap import Restore
from deploy.command import paste
from deploy.errors import ConfigError, StepFailed
from deploy.steps.backup import BackupStep
from deploy.steps.restore import RestoreStep
from tests.backups.conftest import make
from tests.backups.world import PASSWORD, Said, World

pytestmark = pytest.mark.live
__all__ = ["make"]
SMALL = "CREATE TABLE plain (id serial, t text); INSERT INTO plain (t) SELECT generate_series(1, 100)"


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    """A production that was backed up, and has five rows more since."""
    made = make(content=SMALL)
    step = BackupStep(made.deployment)
    step.do(Said())
    step.settle()
    made.sql("INSERT INTO plain (t) SELECT generate_series(101, 105)")
    return made


def rows(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM plain")[0][0])


def test_the_deployments_own_backup_takes_productions_place(world: World) -> None:
    step = RestoreStep(world.deployment)
    assert not step.done()
    facts = step.undo({}, Said())["databases"]["app"]
    assert step.done() and rows(world) == 100
    assert facts["written_since"] == {"public.plain": 5}
    assert world.databases() == {world.name, facts["replaced"]}
    assert step.undo({}, Said())["databases"]["app"]["replaced"] == facts["replaced"]
    assert world.databases() == {world.name, facts["replaced"]}


class Cut(BaseException):
    """The power went."""


@pytest.mark.parametrize(
    "point",
    [
        "create_like",
        "restore_into",
        "same_or_fail",
        "copy_settings",
        "allow_connections",
        "terminate",
        "rename",
        "remark",
    ],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_cut_off_anywhere_it_is_finished_by_running_it_again(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str, after: bool
) -> None:
    known = getattr(swap, point)

    def cut(*arguments: object) -> None:
        if after:
            known(*arguments)
        raise Cut

    monkeypatch.setattr(swap, point, cut)
    with pytest.raises(Cut):
        RestoreStep(world.deployment).do(Said())
    monkeypatch.undo()
    facts = RestoreStep(world.deployment).do(Said())["databases"]["app"]
    assert rows(world) == 100
    assert facts["written_since"] == {"public.plain": 5}
    assert world.databases() == {world.name, facts["replaced"]}
    assert RestoreStep(world.deployment).done()


def test_the_second_rename_is_done_where_the_first_was(world: World) -> None:
    work = Restore(world.deployment, "app", world.deployment.id)
    work._prepare(world.backups.manifest(world.deployment.id, "app"), Said())
    replaced = f"{world.name}_replaced_20261123T011500"
    world.sql(f"ALTER DATABASE {world.name} ALLOW_CONNECTIONS false", "postgres", "admin")
    world.sql(f'ALTER DATABASE {world.name} RENAME TO "{replaced}"', "postgres", "admin")
    facts = work.run(Said())
    assert (facts["replaced"], facts["written_since"], rows(world)) == (replaced, {"public.plain": 5}, 100)


def test_production_stays_open_when_somebody_cannot_be_sent_away(world: World) -> None:
    with psycopg.connect(world.superuser, dbname=world.name), pytest.raises(StepFailed):
        RestoreStep(world.deployment).do(Said())
    assert rows(world) == 105
    assert RestoreStep(world.deployment).do(Said())["databases"]["app"]["written_since"] == {"public.plain": 5}


def test_a_verified_copy_that_was_written_to_since_is_made_again(world: World) -> None:
    work = Restore(world.deployment, "app", world.deployment.id)
    work._prepare(world.backups.manifest(world.deployment.id, "app"), Said())
    world.sql("INSERT INTO plain (t) VALUES ('stray')", work.fresh)
    work.run(Said())
    assert rows(world) == 100
    assert world.backups.find(world.deployment.id, "app").verified


def test_a_damaged_backup_leaves_production_alone(world: World) -> None:
    data = next((world.folder / world.deployment.id / "app/data").glob("*.dat.gz"))
    data.write_bytes(data.read_bytes()[:-1] + b"\7")
    with pytest.raises(StepFailed):
        RestoreStep(world.deployment).do(Said())
    assert rows(world) == 105 and not RestoreStep(world.deployment).done()
    assert len(world.databases()) == 1


def test_settings_that_the_administrator_may_not_repeat_are_named(world: World) -> None:
    world.sql(f"ALTER DATABASE {world.name} SET log_min_duration_statement TO 100", role="superuser")
    world.sql(f"ALTER ROLE {world.name}_reader IN DATABASE {world.name} SET work_mem TO '1MB'", role="superuser")
    facts = RestoreStep(world.deployment).do(Said())["databases"]["app"]
    assert len(facts["uncopied"]) == 2
    assert any("log_min_duration_statement" in statement for statement in facts["uncopied"])


def test_without_an_administrator_it_says_what_to_set(world: World) -> None:
    world.deployment.environment.databases["app"].__dict__["admin_url"] = None
    with pytest.raises(ConfigError, match="DATABASE_ADMIN_URL"):
        RestoreStep(world.deployment).do(Said())
    assert rows(world) == 105


def test_the_plan_is_shell_that_does_the_same(world: World) -> None:
    plan = paste(RestoreStep(world.deployment).undo_plan())
    assert PASSWORD not in plan
    env = {
        "PATH": f"{world.deployment.environment.path[-1]}:{os.environ['PATH']}",
        "PGPASSWORD": PASSWORD,
        "APP_ADMIN_URL": world.site.url("app", admin=True, dbname="postgres").reveal(),
    }
    done = subprocess.run(["sh", "-e"], input=plan, env=env, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert rows(world) == 100 and len(world.databases()) == 2
