from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from deploy.migrations import fingerprint
from deploy.migrations.fingerprint import differences
from tests.backups.world import CONTENT, World
from tests.conftest import LivePostgres

MORE = """
create table checked (v varchar(9) check (v in ('a', 'b')), n int default 3, primary key (v));
create type size as enum ('s', 'm');
create table owner (id serial primary key, s size default 'm', t text generated always as ('x') stored);
create view shown as select v from checked;
"""


def of(world: World, path: str = "public", dbname: str | None = None) -> dict[str, str]:
    with world.site.connect("app", dbname=dbname) as connection:
        connection.execute("select set_config('search_path', %s, false)", [path])
        return fingerprint.of(connection)


def test_what_differs_is_named() -> None:
    expected, found = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "x", "d": "4"}
    assert differences(expected, found) == ["b: is x, not 2", "c: missing", "d: in no migration"]
    assert differences(expected, found, more=True) == ["b: is x, not 2", "c: missing"]
    assert differences(found, found) == []


@pytest.mark.live
def test_the_same_under_any_search_path_and_after_a_dump(bare: Callable[[], World], postgres: LivePostgres) -> None:
    world = bare()
    world.sql(MORE + CONTENT)
    found = of(world)
    assert found == of(world, "") == of(world, '"Odd Schema", public')
    assert found["column public.checked.v"] == "character varying(9) not null"
    assert found["enum public.size"] == "'s', 'm'"
    assert "nextval('public.owner_id_seq'::regclass)" in found["column public.owner.id"]
    assert not any("trgm" in name or "similarity" in name for name in found)
    copy = f"{world.name}_copy"
    world.sql(f"create database {copy}", role="admin", dbname="postgres")
    dumped = subprocess.run(
        [postgres.bin / "pg_dump", "-s", "-O", postgres.url(world.name)], capture_output=True, check=True
    )
    restored = [postgres.bin / "psql", "-q", "-v", "ON_ERROR_STOP=1", postgres.url(copy)]
    subprocess.run(restored, input=dumped.stdout, capture_output=True, check=True)
    assert differences(found, of(world, dbname=copy)) == []


@pytest.mark.live
@pytest.mark.parametrize(
    ("change", "object"),
    [
        ("alter table checked alter n set default 4", "column public.checked.n"),
        ("alter table checked alter n set not null", "column public.checked.n"),
        ("alter type size add value 'l'", "enum public.size"),
        ("alter table checked drop constraint checked_v_check", "constraint checked_v_check on public.checked"),
        ("create index i on checked (n)", "index public.i"),
        ("create or replace view shown as select v from checked where n > 1", "view public.shown"),
        ("alter sequence owner_id_seq cycle", "sequence public.owner_id_seq"),
        ("create function f() returns int language sql as 'select 1'", "function public.f()"),
    ],
)
def test_each_kind_of_change_is_seen(bare: Callable[[], World], change: str, object: str) -> None:
    world = bare()
    world.sql(MORE)
    before = of(world)
    world.sql(change)
    assert [line.split(": ")[0] for line in differences(before, of(world))] == [object]
