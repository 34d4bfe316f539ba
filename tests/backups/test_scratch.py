"""Scratch databases, and what PostgreSQL does in them by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from deploy.backups.scratch import administrator, create_scratch, described, dropped
from tests.backups.world import World
from tests.ssh.machine import wait_until

pytestmark = pytest.mark.live

VACUUM = "select 1 from pg_stat_activity where datname = %s and backend_type = 'autovacuum worker'"
SLOW = "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1"


@pytest.fixture
def eager(world: World) -> Iterator[Callable[[str], bool]]:
    """A server that looks every second for what to vacuum; whether it is at it in a database."""
    with psycopg.connect(world.superuser, autocommit=True) as connection:
        for setting in ("autovacuum_naptime = '1s'", "autovacuum = on"):
            connection.execute(f"alter system set {setting}".encode())
        connection.execute("select pg_reload_conf()")
        yield lambda dbname: connection.execute(VACUUM, [dbname]).fetchone() is not None
        for setting in ("autovacuum_naptime", "autovacuum"):
            connection.execute(f"alter system reset {setting}".encode())
        connection.execute("select pg_reload_conf()")


def test_a_scratch_database_that_is_being_vacuumed_is_dropped(world: World, eager: Callable[[str], bool]) -> None:
    create_scratch(world.site, "app", name := f"{world.name}_scratch_test", "test")
    with world.site.connect("app", dbname=name) as connection:
        connection.execute(
            f"create table t with ({SLOW}) as select n, repeat('x', 900) from generate_series(1, 9000) n".encode()
        )
        connection.commit()
    wait_until(lambda: eager(name), 60)
    assert dropped(world.site, "app", name)
    with administrator(world.site, "app") as admin:
        assert described(admin, name) is None


def test_a_scratch_database_that_a_dead_deployer_was_just_creating_does_not_come_into_being(world: World) -> None:
    """The server waits for the template to be free, and would then go on, though nobody listens."""
    name, template = f"{world.name}_scratch_test", f"{world.name}_template"
    make = f'CREATE DATABASE "{name}" OWNER {world.name}_app TEMPLATE {template}'
    world.sql(f"CREATE DATABASE {template} OWNER {world.name}_app", "postgres", "admin")
    with ThreadPoolExecutor(1) as pool, world.site.connect("app", dbname=template):
        making = pool.submit(world.sql, make, "postgres", "admin")
        busy = f"select 1 from pg_stat_activity where state = 'active' and starts_with(query, '{make}')"
        wait_until(lambda: world.sql(busy, "postgres", "superuser"))
        assert not dropped(world.site, "app", name)
        with pytest.raises(psycopg.errors.AdminShutdown):
            making.result()
    assert name not in world.databases()
