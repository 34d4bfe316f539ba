from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import psycopg
import pytest

import deploy
from deploy.errors import ConfigError, StepFailed
from deploy.migrations import history
from deploy.migrations.runner import ADVISORY_LOCK, locked
from deploy.system import Migrations
from tests.backups.world import World
from tests.migrations.world import FIRST, SECOND, add, apply, folder, remove, target
from tests.migrations.world import history as rows

pytestmark = pytest.mark.live
INDEX = 'CREATE INDEX CONCURRENTLY "by_note" ON "item"("code");'


def columns(world: World) -> set[str]:
    found = world.sql("select column_name from information_schema.columns where table_name = 'item'")
    return {name for (name,) in found}


@contextmanager
def holding(world: World, statement: str = 'lock table "item" in share mode') -> Iterator[psycopg.Connection[object]]:
    """Another session with an open transaction."""
    with world.site.connect("app", application_name="somebody") as connection, connection.transaction():
        connection.execute(statement.encode())
        yield connection


def test_everything_pending_is_applied_once(world: World) -> None:
    add(world, SECOND, 'ALTER TABLE "item" ADD COLUMN "note" TEXT;', "ALTER TABLE item DROP note")
    assert apply(world) == [FIRST, SECOND]
    assert rows(world) == [(FIRST, True, False, 1), (SECOND, True, False, 1)]
    assert apply(world) == []
    assert columns(world) == {"id", "code", "note"}
    assert world.sql("select tableowner from pg_tables where tablename = 'item'") == [(f"{world.name}_app",)]


def test_an_empty_script_is_legal_and_settings_do_not_leak(world: World) -> None:
    add(world, SECOND, "SELECT pg_catalog.set_config('search_path', '', false); SET lock_timeout = 0;")
    add(world, "20260103000000_empty", "")
    add(world, "20260104000000_after", "ALTER TABLE item ADD COLUMN later TEXT")
    assert len(apply(world)) == 4
    assert "later" in columns(world)


def test_a_script_that_fails_leaves_nothing_and_stops_nobody(world: World) -> None:
    add(world, SECOND, 'ALTER TABLE "item" ADD COLUMN "note" TEXT;\n\nSELECT 1 FROM nowhere;')
    with pytest.raises(StepFailed, match=r'migration\.sql:3: relation "nowhere" does not exist'):
        apply(world)
    assert rows(world) == [(FIRST, True, False, 1), (SECOND, False, True, 0)]
    assert columns(world) == {"id", "code"}
    assert "nowhere" in world.sql("select logs from _prisma_migrations where rolled_back_at is not null")[0][0]
    add(world, SECOND, 'ALTER TABLE "item" ADD COLUMN "note" TEXT;')
    assert apply(world) == [SECOND]


def test_a_lock_that_is_held_is_named_with_its_holder_and_leaves_no_row(world: World) -> None:
    apply(world)
    add(world, SECOND, 'ALTER TABLE "item" ADD COLUMN "note" TEXT;')
    with holding(world) as other, pytest.raises(StepFailed) as failure:
        pid = other.info.backend_pid
        apply(world)
    text = str(failure.value)
    assert f"blocked by pid {pid}, user {world.name}_app, somebody" in text
    assert "lock table" in text and SECOND in text
    assert rows(world) == [(FIRST, True, False, 1)]


def test_a_lock_that_is_released_is_waited_for(world: World) -> None:
    apply(world)
    add(world, SECOND, 'ALTER TABLE "item" ADD COLUMN "note" TEXT;')
    made = target(world, retries=1)
    with made.connect() as connection, world.site.connect("app") as other:
        other.execute("begin; lock table item in share mode")
        session = made.session(connection)
        session.sleep = lambda seconds: other.execute("commit") and None
        session.patiently("it", lambda: (session.settle(), connection.execute("alter table item add note text"))[0])
    assert "note" in columns(world)


def test_one_that_applies_migrations_keeps_others_out(world: World) -> None:
    with world.site.connect("app") as holder, world.site.connect("app") as other:
        holder.execute("select pg_advisory_lock(%s)", [ADVISORY_LOCK])
        said = pytest.raises(StepFailed, match=f"someone else applies migrations: pid {holder.info.backend_pid}")
        with said, locked(other, 0.1, lambda seconds: None):
            raise AssertionError("not reached")


def test_a_database_with_tables_and_no_history_is_left_alone(world: World) -> None:
    world.sql("create table theirs (id int)")
    with pytest.raises(StepFailed, match="Baseline it") as told:
        apply(world)
    assert 'insert into public."_prisma_migrations"' in str(told.value)
    assert world.sql("select to_regclass('item')::text") == [(None,)]


def test_problems_stop_before_anything_is_applied(world: World) -> None:
    apply(world)
    add(world, FIRST, "-- edited")
    add(world, SECOND, "CREATE TABLE more ()")
    with pytest.raises(StepFailed, match=f"{FIRST}: edited"):
        apply(world)
    assert world.sql("select to_regclass('more')::text") == [(None,)]


def test_plain_files_have_a_history_of_their_own(bare: Callable[[], World]) -> None:
    world = bare()
    folder(world).mkdir(parents=True)
    (folder(world) / "001_first.sql").write_text("CREATE TABLE item (id int)")
    world.deployment.system.__dict__["migrations"] = target_settings("sql")
    assert apply(world, layout="sql") == ["001_first"]
    assert world.sql("select migration_name from _deploy_migrations") == [("001_first",)]
    assert apply(world, layout="sql") == []


def test_tables_that_something_else_makes_need_no_history(bare: Callable[[], World]) -> None:
    world = bare()
    folder(world).mkdir(parents=True)
    (folder(world) / "001_index.sql").write_text("CREATE INDEX CONCURRENTLY item_id ON item (id)")
    world.sql("create table item (id int)")
    world.deployment.system.__dict__["migrations"] = target_settings("sql")
    assert apply(world, layout="sql", onto="init.sql") == ["001_index"]


def target_settings(layout: str) -> object:
    return Migrations.model_validate({"folder": "migrations", "layout": layout})


def test_concurrent_builds_among_other_statements(world: World) -> None:
    apply(world)
    add(world, SECOND, f"ALTER TABLE item ADD note text;\n{INDEX}\nDROP INDEX CONCURRENTLY item_code_idx;")
    assert apply(world) == [SECOND]
    assert rows(world)[-1] == (SECOND, True, False, 1)
    assert world.sql("select logs from _prisma_migrations") == [(None,), (None,)]
    assert world.sql("select to_regclass('by_note')::text, to_regclass('item_code_idx')::text") == [("by_note", None)]


def test_a_failed_build_leaves_no_invalid_index(world: World) -> None:
    apply(world)
    world.sql("insert into item (code) values ('same'), ('same')")
    unique = 'CREATE UNIQUE INDEX CONCURRENTLY "by_note" ON item(code);'
    add(world, SECOND, unique)
    with pytest.raises(StepFailed, match="could not create unique index"):
        apply(world)
    assert world.sql("select to_regclass('by_note')::text") == [(None,)]
    assert rows(world)[-1] == (SECOND, False, True, 0)
    world.sql("delete from item")
    assert apply(world) == [SECOND]


def test_a_failure_behind_done_statements_is_gone_on_from(world: World) -> None:
    apply(world)
    world.sql("insert into item (code) values ('same'), ('same')")
    add(world, SECOND, "ALTER TABLE item ADD note text; CREATE UNIQUE INDEX CONCURRENTLY u ON item(code)")
    with pytest.raises(StepFailed, match="1 statements before it are done"):
        apply(world)
    assert target(world).plan().resumable == (SECOND,)
    world.sql("delete from item")
    assert apply(world) == [SECOND]
    assert rows(world)[-1] == (SECOND, True, False, 1)


def invalidate(world: World) -> None:
    """A unique build that fails leaves an index behind that is there and not valid."""
    world.sql("insert into item (code) values ('same'), ('same')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.sql("create unique index concurrently by_note on item(code)")


def test_an_invalid_index_of_our_own_is_built_anew(world: World) -> None:
    apply(world)
    invalidate(world)
    add(world, SECOND, INDEX)
    made = target(world)
    with made.connect() as connection:
        made.session(connection).ledger.open(SECOND, made.migrations[1].checksum, history.STEPWISE)
    assert apply(world) == [SECOND]
    assert made.invalid_indexes() == []


def test_an_invalid_index_of_somebody_else_is_told(world: World) -> None:
    apply(world)
    invalidate(world)
    add(world, SECOND, INDEX.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"))
    with pytest.raises(StepFailed, match="invalid index by_note is in the way"):
        apply(world)
    assert target(world).invalid_indexes() == ["public.by_note"]


def test_the_index_that_was_done_when_the_run_was_cut_off_is_not_built_twice(world: World) -> None:
    apply(world)
    add(world, SECOND, INDEX)
    made = target(world)
    with made.connect() as connection:
        made.session(connection).ledger.open(SECOND, made.migrations[1].checksum, history.STEPWISE)
    world.sql(INDEX)
    assert apply(world) == [SECOND]


def test_an_index_without_a_name_is_refused_before_anything_runs(world: World) -> None:
    add(world, SECOND, "CREATE INDEX CONCURRENTLY ON item (code)")
    with pytest.raises(ConfigError, match="without a name"):
        apply(world)
    remove(world, SECOND)
    assert apply(world) == [FIRST]


KILLED = """
import pathlib, sys
sys.path.insert(0, {root!r})
from deploy.deployment import Deployment
from deploy.site import Site
from deploy.system import Environment, System
environment = Environment.model_validate_json(sys.stdin.readline())
system = System.model_validate({{"name": "s", "title": "S", "folder": {folder!r}, "flow": ["backup"],
    "migrations": {{"folder": "migrations"}}}})
deployment = Deployment({id!r}, system, environment, Site(environment), "main", "c" * 40, None)
from deploy.steps.migrate import target_of
print("ready", flush=True)
target_of(deployment).apply(lambda done, total, name: print(name, flush=True))
"""


def start(world: World) -> subprocess.Popen[str]:
    """Apply in a process of its own, as a deployment would."""
    environment = world.deployment.environment
    database = environment.databases["app"]
    assert database.admin_url
    given = {"url": database.url.reveal(), "admin_url": database.admin_url.reveal()}
    known = {"name": "prod", "root": environment.root, "repository": "x", "databases": {"app": given}}
    root = str(Path(deploy.__file__).parents[1])
    code = textwrap.dedent(KILLED).format(root=root, folder=environment.root, id=world.deployment.id)
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    process.stdin.write(json.dumps(known) + "\n")
    process.stdin.close()
    return process


@pytest.mark.parametrize(
    ("sql", "busy"),
    [
        ("ALTER TABLE item ADD note text; SELECT pg_sleep(30);", "pg_sleep"),
        ("ALTER TABLE item ADD note text; " + INDEX, "CONCURRENTLY"),
    ],
)
def test_killed_in_the_middle_and_run_again(world: World, sql: str, busy: str) -> None:
    apply(world)
    add(world, SECOND, sql)
    with (
        holding(world, "set transaction isolation level repeatable read; select 1")
        if busy == "CONCURRENTLY"
        else nullcontext()
    ):
        process = start(world)
        backend = wait_for(world, busy)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout
        process.stdout.close()
        world.sql(f"select pg_terminate_backend({backend})", role="superuser")
        gone(world, backend)
    if busy == "pg_sleep":
        assert columns(world) == {"id", "code"} and rows(world) == [(FIRST, True, False, 1)]
        add(world, SECOND, sql.replace("30", "0"))
    assert apply(world, lock_timeout=2) == [SECOND]
    assert "note" in columns(world) and rows(world)[-1] == (SECOND, True, False, 1)
    assert target(world).invalid_indexes() == []


def wait_for(world: World, busy: str) -> int:
    found = until(
        lambda: world.sql(
            f"select pid from pg_stat_activity where query like '%{busy}%' and pid <> pg_backend_pid()"
            f" and datname = '{world.name}' and state = 'active'",
            role="superuser",
        )
    )
    return int(found[0][0])


def gone(world: World, backend: int) -> None:
    until(lambda: not world.sql(f"select from pg_stat_activity where pid = {backend}", role="superuser"))


def until(ready: Callable[[], object]) -> object:
    limit = time.monotonic() + 30
    while not (found := ready()):
        assert time.monotonic() < limit, "it never came"
        threading.Event().wait(0.02)
    return found
