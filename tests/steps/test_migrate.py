from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.command import paste
from deploy.deployment import Deployment
from deploy.errors import CommandFailed, GateClosed, PersonNeeded, StepFailed
from deploy.migrations.history import STEPWISE
from deploy.steps.migrate import Migrate
from deploy.steps.rehearse import Rehearse
from deploy.system import Migrations, Task
from tests.backups.world import PASSWORD, Said, World
from tests.migrations.conftest import bare, world
from tests.migrations.world import FIRST, SECOND, add, apply, folder, history, remove, scratch, target

pytestmark = pytest.mark.live
__all__ = ["bare", "world"]
NOTE = 'ALTER TABLE "item" ADD COLUMN "note" TEXT;'
REQUIRED = 'ALTER TABLE "item" ADD COLUMN "note" TEXT NOT NULL;'


def migrated(world: World, sql: str, down: str | None = None) -> tuple[Migrate, dict[str, Any]]:
    """A production with the first migration from before, and a second one that this deployment applies."""
    apply(world, "before")
    add(world, SECOND, sql, down)
    step = Migrate(world.deployment)
    return step, dict(step.do(Said()))


def test_done_asks_the_database(world: World) -> None:
    step = Migrate(world.deployment)
    assert not step.done()
    assert step.do(Said()) == {
        "applied": [FIRST],
        "classes": {FIRST: "expand-only"},
        "keeps_data": True,
        "invalid_indexes": [],
    }
    assert step.done()
    assert step.do(Said())["applied"] == [FIRST]  # again, after a crash: what this deployment did is still known
    world.sql("update _prisma_migrations set rolled_back_at = now()")
    assert not step.done()


def test_the_plan_shows_sql_class_and_history(world: World) -> None:
    apply(world, "before")
    add(world, SECOND, f"{NOTE} -- it's")
    add(world, "20260103000000_index", "CREATE INDEX CONCURRENTLY i ON item (code)")
    text = paste(Migrate(world.deployment).plan())
    assert f"{SECOND}: expand-only" in text and NOTE in text and "insert into public" in text and FIRST not in text
    assert text.count("begin;") == 1
    assert len(history(world)) == 1


def test_the_plan_of_a_release_that_is_not_there_yet(bare: Callable[[], World]) -> None:
    text = paste(Migrate(bare().deployment).plan())
    assert "migration.sql; do" in text and "psql" in text


def pasted(world: World, step: Migrate, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    """Run a plan as a person would who pastes it: under `set -eu`, with the variables that it names."""
    url = world.site.url("app").reveal().replace(PASSWORD, password)
    path = f"{world.site.environment.path[0]}:{os.environ['PATH']}"
    text = f"set -eu\n{paste(step.plan())}"
    return subprocess.run(
        ["sh"], input=text, capture_output=True, text=True, check=False, env={"APP_URL": url, "PATH": path}
    )


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the release were not there yet when its plan is printed."""
    monkeypatch.setattr("deploy.steps.migrate.find_release", lambda *_: None)


def test_the_printed_plan_migrates_a_fresh_database(world: World) -> None:
    done = pasted(world, Migrate(world.deployment))
    assert done.returncode == 0, done.stderr
    assert Migrate(world.deployment).done()


@pytest.mark.usefixtures("later")
def test_the_plan_for_later_migrates_a_fresh_database_and_does_nothing_the_second_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        done = pasted(world, Migrate(world.deployment))
        assert done.returncode == 0, done.stderr
        assert len(history(world)) == 1
    monkeypatch.undo()
    assert Migrate(world.deployment).done()


@pytest.mark.usefixtures("later")
def test_the_plan_for_later_stops_where_the_history_cannot_be_read(world: World) -> None:
    """Not to know what is applied is no leave to apply it."""
    assert pasted(world, Migrate(world.deployment), password="wrong").returncode != 0
    apply(world, "before")
    add(world, SECOND, NOTE)
    world.sql("alter table _prisma_migrations rename column rolled_back_at to hidden")
    assert pasted(world, Migrate(world.deployment)).returncode != 0
    assert not world.sql("select 1 from information_schema.columns where column_name = 'note'")


@pytest.mark.usefixtures("later")
def test_the_plan_for_later_takes_every_plain_file_but_the_ways_back(world: World) -> None:
    system = world.deployment.system
    assert system.migrations
    plain = system.migrations.model_copy(update={"layout": "sql", "folder": "plain"})
    world.deployment.system = system.model_copy(update={"migrations": plain})
    place = Path(str(world.deployment.layout.release(world.deployment.release))) / "plain"
    place.mkdir(parents=True)
    (place / "001_begin.sql").write_text("create table begun (id int);")
    (place / "001_begin.down.sql").write_text("drop table begun;")
    done = pasted(world, Migrate(world.deployment))
    assert done.returncode == 0, done.stderr
    assert world.sql("select migration_name from _deploy_migrations") == [("001_begin",)]
    assert world.sql("select count(*) from begun") == [(0,)]


def test_what_only_adds_is_kept_and_known_to_releases_without_it(world: World) -> None:
    step, facts = migrated(world, NOTE)
    world.sql("insert into item (code, note) values ('a', 'b')")
    assert step.undo_plan() == []
    assert step.undo(facts, Said())["way"] == "keep"
    assert world.sql("select note from item") == [("b",)]
    remove(world, SECOND)
    found = target(world).plan()
    assert found.clean and found.kept == (SECOND,)
    add(world, SECOND, NOTE)
    assert Migrate(world.deployment).done()


def test_what_is_reversible_is_taken_back_and_can_come_again(world: World) -> None:
    step, facts = migrated(world, REQUIRED, 'ALTER TABLE "item" DROP COLUMN "note"; -- back')
    assert facts["classes"] == {SECOND: "reversible"} and facts["keeps_data"]
    world.deployment.facts["migrate"] = facts
    assert 'DROP COLUMN "note"' in paste(step.undo_plan())
    assert step.undo({}, Said())["way"] == "down"  # no facts: the rows tell what was applied
    assert history(world) == [(FIRST, True, False, 1), (SECOND, True, True, 1)]
    assert step.undo(facts, Said()) == {"way": "keep", "names": []}
    assert apply(world) == [SECOND]


def test_a_script_back_that_fails_takes_nothing_back(world: World) -> None:
    step, facts = migrated(world, REQUIRED, 'ALTER TABLE "item" DROP COLUMN "note"; SELECT 1/0;')
    with pytest.raises(StepFailed, match=r"\(its down\.sql\).*division by zero"):
        step.undo(facts, Said())
    assert history(world)[-1] == (SECOND, True, False, 1)
    assert world.sql("select note from item") == []


def test_what_only_a_restore_takes_back(world: World) -> None:
    step, facts = migrated(world, 'ALTER TABLE "item" DROP COLUMN "code"')
    assert not facts["keeps_data"]
    assert step.undo(facts, Said())["way"] == "restore"
    world.deployment.database_choice = "keep"
    with pytest.raises(PersonNeeded, match=f"only a restore takes back {SECOND}"):
        step.undo(facts, Said())


@pytest.mark.parametrize(
    "sql", ["CREATE INDEX CONCURRENTLY i ON item (code)", NOTE + "CREATE INDEX CONCURRENTLY i ON item (code)"]
)
def test_a_build_that_was_cut_off_is_taken_back(world: World, sql: str) -> None:
    apply(world, "before")
    add(world, SECOND, sql)
    made = target(world)
    with made.connect() as connection:
        ledger = made.session(connection).ledger
        key = ledger.open(SECOND, made.migrations[1].checksum, STEPWISE)
        ledger.step(key, 1 if NOTE in sql else 0)
    step = Migrate(world.deployment)
    if NOTE in sql:
        with pytest.raises(PersonNeeded, match="1 of its statements are done"):
            step.undo({}, Said())
        return
    world.sql("create index i on item (code)")
    step.undo({}, Said())
    assert world.sql("select to_regclass('i')::text") == [(None,)]
    assert history(world)[-1] == (SECOND, False, True, 0)


def test_undone_where_nothing_was_done(world: World) -> None:
    assert Migrate(world.deployment).undo({}, Said()) == {"way": "keep", "names": []}


def with_cli(world: World, script: str) -> Migrate:
    known = world.deployment
    cli = Task(name="theirs", run=("sh", "-c", script), cwd="{release}")
    settings = Migrations(folder="migrations", via="cli", cli=cli)
    system = known.system.model_copy(update={"migrations": settings})
    return Migrate(Deployment(known.id, system, known.environment, known.site, "main", known.commit, None))


def test_the_systems_own_command_is_not_believed(world: World) -> None:
    with pytest.raises(StepFailed, match=f"the command ended well, but:\n{FIRST}: still pending"):
        with_cli(world, "true").do(Said())
    with pytest.raises(CommandFailed):
        with_cli(world, "exit 1").do(Said())
    assert "DATABASE_URL" in paste(with_cli(world, "true").plan())


def rehearsed(world: World) -> dict[str, Any]:
    return dict(Rehearse(world.deployment).do(Said()))


def ready(world: World, sql: str = NOTE, down: str | None = None) -> str:
    """Production and its scratch copy with the first migration, and a second one in the release."""
    name = scratch(world.deployment, world)
    target(world, "before").apply(lambda done, total, what: None)
    copy = target(world, "before")
    object.__setattr__(copy, "dbname", name)
    copy.apply(lambda done, total, what: None)
    add(world, SECOND, sql, down)
    return name


def test_a_rehearsal_is_timed_with_its_locks_and_leaves_production_alone(world: World) -> None:
    ready(world)
    step = Rehearse(world.deployment)
    assert not step.done()
    facts = step.do(Said())
    assert not step.done()  # its facts are not in the journal yet
    world.deployment.facts["rehearse"] = facts
    (row,) = facts["migrations"]
    assert (row["name"], row["class"], row["locks"]) == (SECOND, "expand-only", ["item AccessExclusiveLock"])
    assert row["seconds"] >= 0 and facts["keeps_data_up_to"] == SECOND
    assert step.done() and len(history(world)) == 1
    report = json.loads(world.site.read(step.report) or "")
    assert report["fingerprint"]["column public.item.note"] == "text"
    assert world.databases() == {world.name, world.deployment.scratch("app")}
    step.undo(facts, Said())
    add(world, "20260103000000_more", "CREATE TABLE more ()")
    assert not Rehearse(world.deployment).done()


def test_a_rehearsal_that_was_cut_off_still_knows_the_classes(world: World) -> None:
    name = ready(world, REQUIRED.replace("NOT NULL", "UNIQUE"), "ALTER TABLE item DROP COLUMN note")
    copy = target(world)
    object.__setattr__(copy, "dbname", name)
    copy.apply(lambda done, total, what: None)
    facts = rehearsed(world)
    assert facts["classes"] == {SECOND: "reversible"}
    assert "not measured" in facts["migrations"][0]["locks"][0]


@pytest.mark.parametrize(
    ("sql", "down", "says"),
    [
        ("SELECT 1/0", None, "division by zero"),
        ("CREATE UNIQUE INDEX u ON item (code)", None, "could not create unique index"),
        (REQUIRED.replace("NOT NULL", "UNIQUE"), "SELECT 1", "not what it was after down.sql"),
        (REQUIRED.replace("NOT NULL", "UNIQUE"), "SELECT 1/0", r"down\.sql.*division by zero"),
    ],
)
def test_what_fails_there_closes_the_gate(world: World, sql: str, down: str | None, says: str) -> None:
    name = ready(world, sql, down)
    world.sql("insert into item (code) values ('same'), ('same')", name)
    with pytest.raises(GateClosed, match=f"(?s)production is as it was.*{says}"):
        rehearsed(world)
    assert len(history(world)) == 1
    assert world.databases() == {world.name, name}


def test_what_somebody_changed_by_hand_closes_the_gate(world: World) -> None:
    name = ready(world, REQUIRED.replace("NOT NULL", "UNIQUE"), "ALTER TABLE item DROP COLUMN note")
    world.sql("create table by_hand (id int)", name)
    with pytest.raises(GateClosed, match=r"not what its migrations make:\n  column public.by_hand.id: in no migration"):
        rehearsed(world)


def test_what_an_earlier_rollback_kept_is_no_drift(world: World) -> None:
    name = ready(world)
    copy = target(world, world.deployment.id)
    object.__setattr__(copy, "dbname", name)
    copy.apply(lambda done, total, what: None)
    world.sql(
        "update _prisma_migrations set logs = 'pipeline-deploy: kept by a rollback; it only adds, the release before"
        f" does without' where migration_name = '{SECOND}'",
        name,
    )
    remove(world, SECOND)
    assert rehearsed(world)["kept"] == [SECOND]


def test_without_a_restored_backup_nothing_is_rehearsed(world: World) -> None:
    with pytest.raises(GateClosed, match="there is no scratch database"):
        rehearsed(world)
    assert folder(world).is_dir()


def test_what_migrations_make_of_nothing_is_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    name, build = ready(world), Rehearse._made_from_nothing
    rehearsed(world)
    kept = Rehearse(world.deployment).from_nothing
    assert json.loads(world.site.read(kept) or "")["fingerprint"]["column public.item.note"] == "text"
    built: list[str] = []

    def noted(step: Rehearse) -> dict[str, str]:
        built.append("again")
        return build(step)

    monkeypatch.setattr(Rehearse, "_made_from_nothing", noted)
    rehearsed(world)
    assert not built
    world.sql("create table by_hand (id int)", name)  # the copy is compared all the same, and with a fresh build
    with pytest.raises(GateClosed, match="not what its migrations make"):
        rehearsed(world)
    assert built == ["again"]
    world.sql("drop table by_hand", name)
    for damaged in ("", "{", "[]", '{"fingerprint": {"table public.item": "r"}}'):
        world.site.write(kept, damaged)
        rehearsed(world)
    assert len(built) == 5
    add(world, "20260103000000_more", "CREATE TABLE more ()")
    assert Rehearse(world.deployment).from_nothing != kept
