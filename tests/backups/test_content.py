from __future__ import annotations

import psycopg
import pytest

from deploy.backups import content
from deploy.backups.content import TableContent
from tests.backups.world import World


def test_differences_are_told_table_by_table() -> None:
    before = {
        "a": TableContent(1, "5"),
        "b": TableContent(2, "6"),
        "c": TableContent(3, "7"),
        "e": TableContent(0, "0"),
    }
    after = {"a": TableContent(2, "9"), "b": TableContent(2, "7"), "d": TableContent(1, "1"), "e": TableContent(0, "0")}
    assert content.differences(before, after) == [
        "a: 1 rows before, 2 after",
        "b: 2 rows before and after, but not the same",
        "c: is missing",
        "d: is new",
    ]
    assert content.differences(before, before) == []


@pytest.mark.live
class TestDatabase:
    def test_what_counts_as_a_table(self, world: World) -> None:
        with world.site.connect("app") as connection:
            found = content.checksums(connection, exclude={"public.plain"})
            assert {name: rows for name, rows in content.counts(connection).items() if name != "public.plain"} == {
                name: table.rows for name, table in found.items()
            }
        assert {name: table.rows for name, table in found.items()} == {
            '"Odd Schema"."A ""quoted"" name"': 2,
            "large objects": 1,
            "public.awkward": 3,
            "public.child": 1,
            "public.empty": 0,
            "public.nothing": 0,
            "public.parent": 1,
            "public.parts_new": 30,
            "public.parts_old": 30,
            "public.targets": 60,
        }

    def test_settings_of_a_session_change_nothing(self, world: World) -> None:
        with world.site.connect("app") as plain, world.site.connect("app") as odd:
            odd.execute(
                "SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET bytea_output = 'escape';"
                "SET extra_float_digits = -5; SET intervalstyle = 'iso_8601'; SET search_path = 'Odd Schema';"
            )
            assert content.checksums(plain) == content.checksums(odd)
            assert odd.execute("SHOW timezone").fetchall() == [("Asia/Tokyo",)]

    def test_several_connections_see_one_moment(self, world: World) -> None:
        with world.site.connect("app") as one, world.site.connect("app") as two, world.site.connect("app") as three:
            alone = content.checksums(one)
            assert content.checksums(one, two, three) == alone
            with content.frozen(one):
                moment = content.exported(one)
                world.sql("DELETE FROM plain")
                assert content.checksums(two, snapshot=moment) == alone
            assert content.checksums(two)["public.plain"].rows == 0

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE plain SET t = 'twice' WHERE t IS NULL",
            "UPDATE awkward SET big = 1.100 WHERE big = 1.10",
            "UPDATE awkward SET nan = 0.0 WHERE nan = 0",
            'UPDATE awkward SET j = \'{"b": 1, "a": 1}\' WHERE j IS NOT NULL',
            "UPDATE awkward SET words = '{a,\"NULL\",\"c d\"}' WHERE words[1] = 'a'",
            "SELECT lo_put(oid, 0, 'LARGE') FROM pg_largeobject_metadata",
        ],
    )
    def test_the_smallest_change_is_seen(self, world: World, change: str) -> None:
        with world.site.connect("app") as connection:
            before = content.checksums(connection)
            connection.execute(change.encode())
            assert len(content.differences(before, content.checksums(connection))) == 1

    def test_equal_rows_do_not_cancel_each_other_out(self, world: World) -> None:
        with world.site.connect("app") as connection:
            connection.execute("CREATE TABLE doubles AS SELECT 'x' AS t FROM generate_series(1, 4)")
            four = content.checksums(connection)["public.doubles"]
            connection.execute("UPDATE doubles SET t = 'y' WHERE ctid IN ('(0,1)', '(0,2)')")
            assert content.checksums(connection)["public.doubles"].checksum not in (four.checksum, "0")

    def test_a_table_that_may_not_be_read_is_an_error(self, world: World) -> None:
        world.sql("CREATE TABLE hidden (id int)", role="superuser")
        with world.site.connect("app") as one, world.site.connect("app") as two:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                content.checksums(one, two)
            assert one.info.transaction_status == psycopg.pq.TransactionStatus.IDLE

    def test_the_shape_tells_structures_apart(self, world: World) -> None:
        with world.site.connect("app") as connection:
            shapes = set()
            for change in (
                "SELECT 1",
                "ALTER TABLE plain ADD extra int",
                "CREATE INDEX ON plain (doubled)",
                "DROP VIEW seen",
            ):
                connection.execute(change.encode())
                with content.frozen(connection):
                    shapes.add(content.shape(connection))
            assert len(shapes) == 4

    def test_only_a_database_without_anything_is_empty(self, world: World) -> None:
        with world.site.connect("app") as connection:
            assert not content.is_empty(connection)
        with world.site.connect("app", dbname="postgres") as connection:
            assert content.is_empty(connection)
