"""Our runner and the real Prisma CLI leave one history: either goes on after the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.deployment import Deployment
from deploy.errors import CommandFailed, StepFailed
from deploy.migrations.runner import ADVISORY_LOCK
from deploy.steps.migrate import Migrate
from deploy.system import Migrations, Task
from tests.backups.world import Said, World
from tests.migrations.world import FIRST, SECOND, add, apply, history, remove, target
from tests.prisma.conftest import HERE

pytestmark = pytest.mark.live
Prisma = Callable[..., tuple[int, str]]
NOTE = 'ALTER TABLE "item" ADD COLUMN "note" TEXT;'
INDEX = 'CREATE INDEX CONCURRENTLY "by_code" ON "item"("code");'


def test_after_our_runner_prisma_is_up_to_date_and_applies_nothing(world: World, prisma: Prisma) -> None:
    add(world, SECOND, NOTE)
    add(world, "20260103000000_index", INDEX)
    add(world, "20260104000000_empty", "")
    assert prisma("status")[0] == 1
    assert len(apply(world)) == 4
    before = history(world)
    code, said = prisma("status")
    assert (code, "Database schema is up to date!" in said) == (0, True), said
    code, said = prisma("deploy")
    assert (code, "No pending migrations to apply" in said) == (0, True), said
    assert history(world) == before


def test_after_prisma_we_are_up_to_date_and_apply_nothing(world: World, prisma: Prisma) -> None:
    add(world, SECOND, NOTE)
    code, said = prisma("deploy")
    assert code == 0, said
    assert target(world).plan().clean
    before = history(world)
    assert apply(world) == [] and history(world) == before


def test_both_tables_are_alike(bare: Callable[[], World], world: World, prisma: Prisma) -> None:
    prisma("deploy")
    other = bare()
    with other.site.connect("app") as connection:
        target(world).session(connection)
    shape = (
        "select column_name, data_type, character_maximum_length, is_nullable, column_default"
        " from information_schema.columns where table_name = '_prisma_migrations' order by ordinal_position"
    )
    assert world.sql(shape) == other.sql(shape)
    theirs = "select checksum, logs, rolled_back_at, applied_steps_count from _prisma_migrations"
    found = world.sql(theirs)
    world.sql("drop table item, _prisma_migrations")
    apply(world)
    assert world.sql(theirs) == found


def test_a_migration_that_failed_in_our_hands_does_not_stop_prisma(world: World, prisma: Prisma) -> None:
    add(world, SECOND, f"{NOTE} SELECT 1 FROM nowhere;")
    with pytest.raises(StepFailed):
        apply(world)
    add(world, SECOND, NOTE)
    code, said = prisma("deploy")
    assert code == 0, said
    assert target(world).plan().clean


def test_a_migration_that_failed_in_prismas_hands_is_seen(world: World, prisma: Prisma) -> None:
    add(world, SECOND, "SELECT 1 FROM nowhere;")
    code, said = prisma("deploy")
    assert (code, "P3018" in said) == (1, True), said
    with pytest.raises(StepFailed, match=f"{SECOND}: failed"):
        apply(world)
    assert prisma("resolve", f"--rolled-back={SECOND}")[0] == 0
    assert prisma("status")[0] == 0  # up to date, it says
    assert target(world).plan().pending == (SECOND,)


def test_an_edited_migration_is_seen_where_prisma_sees_none(world: World, prisma: Prisma) -> None:
    apply(world)
    add(world, FIRST, "-- edited")
    assert prisma("status")[0] == 0
    assert target(world).plan().edited == (FIRST,)


def test_what_a_rollback_took_back_or_kept_does_not_stop_prisma(world: World, prisma: Prisma) -> None:
    apply(world, "before")
    add(world, SECOND, NOTE)
    add(world, "20260103000000_required", "ALTER TABLE item ADD b INT UNIQUE", "ALTER TABLE item DROP b")
    step = Migrate(world.deployment)
    facts = step.do(Said())
    assert step.undo(facts, Said())["way"] == "down"
    remove(world, "20260103000000_required")
    remove(world, SECOND)
    code, said = prisma("deploy")  # of the release before
    assert code == 0, said
    add(world, SECOND, NOTE)
    add(world, "20260103000000_required", "ALTER TABLE item ADD b INT UNIQUE")
    code, said = prisma("deploy")  # of the next one
    assert code == 0, said
    assert target(world).plan().clean


def test_prisma_and_we_wait_for_the_same_lock(world: World, prisma: Prisma) -> None:
    with world.site.connect("app") as holder:
        holder.execute("select pg_advisory_lock(%s)", [ADVISORY_LOCK])
        code, said = prisma("deploy")
    assert (code, "P1002" in said) == (1, True), said
    assert world.sql("select to_regclass('item')::text") == [(None,)]


def by_cli(world: World) -> Migrate:
    known = world.deployment
    cli = HERE / "node_modules/prisma/build/index.js"
    env = {
        "PRISMA_SCHEMA_ENGINE_BINARY": str(HERE / "schema-engine.mjs"),
        "PRISMA_QUERY_ENGINE_LIBRARY": "/bin/true",
        "CHECKPOINT_DISABLE": "1",
        "PATH": os.environ["PATH"],
    }
    task = Task(name="prisma", run=("node", str(cli), "migrate", "deploy", "--schema={release}/schema.prisma"), env=env)
    settings = Migrations(folder="migrations", via="cli", cli=task)
    system = known.system.model_copy(update={"migrations": settings})
    return Migrate(Deployment(known.id, system, known.environment, known.site, "main", known.commit, None))


def test_a_system_may_have_prisma_apply_them(world: World, prisma: Prisma) -> None:
    step = by_cli(world)
    assert not step.done()
    assert step.do(Said())["applied"] == [FIRST]
    assert step.done()
    add(world, SECOND, "SELECT 1 FROM nowhere")
    with pytest.raises(CommandFailed, match="exited 1"):
        step = by_cli(world)
        step.do(Said())


def test_the_lock_file_names_no_registry() -> None:
    text = (Path(__file__).parent / "package-lock.json").read_text()
    assert '"resolved"' not in text and "registry" not in text
