"""Dump, prove, restore and swap, on each PostgreSQL that there is."""

from __future__ import annotations

import stat
from typing import Any

import pytest

from deploy.backups import content
from deploy.backups.dump import create
from deploy.backups.proof import prove, verify
from deploy.steps.restore import restore
from tests.backups.world import Said, World

pytestmark = pytest.mark.live
ID = "20261123T011500Z-1a2b"


def proven(world: World) -> Any:
    create(world.backups, ID, release="abc", deployment=ID, progress=Said())
    return prove(world.backups, ID, "app", scratch=f"{world.name}_scratch_1a2b", purpose="backup x", progress=Said())


def test_everything_comes_back_as_it_was(every_world: World) -> None:
    world = every_world
    receipt = proven(world)
    info = world.backups.find(ID, "app")
    assert info.verified and info.manifest and verify(world.backups, ID, "app") == []
    assert info.manifest.tables["public.plain"].rows == 504
    assert info.manifest.tables["large objects"].rows == 1
    assert receipt.rows == info.manifest.rows
    assert {stat.S_IMODE(path.stat().st_mode) for path in world.folder.rglob("*") if path.is_file()} == {0o600}
    assert {
        stat.S_IMODE(path.stat().st_mode) for path in [world.folder, *world.folder.rglob("*")] if path.is_dir()
    } == {0o700}
    owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace >= 16384 OR relname = 'plain'"
    assert world.sql(owners, f"{world.name}_scratch_1a2b") == [(f"{world.name}_app",)]
    assert world.sql("SELECT t FROM seen ORDER BY id LIMIT 1", f"{world.name}_scratch_1a2b") == [("ROW 1",)]


def test_production_is_replaced_and_kept(every_world: World) -> None:
    world = every_world
    world.sql(
        f'ALTER DATABASE {world.name} SET search_path TO "$user", public, "Odd Schema"; ALTER DATABASE'
        f" {world.name} SET application_name TO 'it''s, on'; REVOKE CONNECT ON DATABASE {world.name} FROM PUBLIC;"
        f" GRANT CONNECT ON DATABASE {world.name} TO {world.name}_reader;"
        f" COMMENT ON DATABASE {world.name} IS 'the shop'"
    )
    with world.site.connect("app") as connection:
        before = content.checksums(connection)
    proven(world)
    world.sql(
        "INSERT INTO plain (t) VALUES ('later'), ('later'); DELETE FROM parts WHERE id = 1; DROP TABLE empty;"
        "CREATE TABLE added AS SELECT 1 AS one"
    )
    settings = (
        "SELECT setconfig, datacl::text, shobj_description(d.oid, 'pg_database') FROM pg_database d"
        f" LEFT JOIN pg_db_role_setting ON setdatabase = d.oid WHERE datname = '{world.name}'"
    )
    was = world.sql(settings)
    lingering = world.site.connect("app")
    found = restore(world.deployment, "app", ID, Said())
    with pytest.raises(content.psycopg.OperationalError):
        lingering.execute("SELECT 1")
    assert found["written_since"] == {"public.added": 1, "public.parts_old": -1, "public.plain": 2}
    assert found["uncopied"] == []
    with world.site.connect("app") as connection:
        assert content.differences(before, content.checksums(connection)) == []
        with content.frozen(connection):
            content.shape(connection)
    setconfig, acl, comment = world.sql(settings)[0]
    assert (setconfig, sorted(acl)) == (was[0][0], sorted(was[0][1]))
    assert comment.splitlines()[0] == "the shop"
    assert world.sql("SELECT count(*) FROM plain", found["replaced"]) == [(506,)]
    again = restore(world.deployment, "app", ID, Said())
    assert (again["replaced"], again["written_since"]) == (found["replaced"], found["written_since"])
    assert world.sql("SHOW search_path")[0][0] == '"$user", public, "Odd Schema"'
