from __future__ import annotations

import pytest

from deploy.errors import ConfigError
from deploy.migrations.classify import classify
from deploy.migrations.layout import Migration
from deploy.migrations.lint import lint
from deploy.migrations.split import Piece, split
from deploy.migrations.tree import Unreadable, parse

NEW = "CREATE TABLE a (id int);"


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing\n",
        "ALTER TABLE a ADD COLUMN b text",
        "ALTER TABLE a ADD b text NOT NULL DEFAULT 'é;'",
        'ALTER TABLE IF EXISTS ONLY public."a" ADD COLUMN IF NOT EXISTS b jsonb',
        "CREATE INDEX CONCURRENTLY x ON a (b)",
        "CREATE VIEW v AS SELECT 1",
        f"{NEW} CREATE UNIQUE INDEX x ON a (id); INSERT INTO a VALUES (1)",
        f'{NEW} ALTER TABLE "a" ADD FOREIGN KEY (id) REFERENCES d (i) ON DELETE CASCADE',
        "BEGIN; ALTER TABLE a ADD COLUMN b text; COMMIT;",
    ],
)
def test_what_only_adds(sql: str) -> None:
    assert classify(lint(sql), has_down=False).kind == "expand-only"


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE a ADD b text NOT NULL",
        "ALTER TABLE a ADD b int UNIQUE",
        "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)",
        "ALTER TABLE a ALTER b TYPE bigint",
        "ALTER TABLE a ALTER b SET NOT NULL",
        "ALTER TABLE a RENAME b TO c",
        "ALTER TABLE a RENAME TO c",
        "ALTER TYPE m ADD VALUE 'x'",
        "CREATE UNIQUE INDEX x ON a (b)",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "CREATE TABLE c () INHERITS (p)",
        "DROP INDEX x",
        "UPDATE a SET b = 1",
        "INSERT INTO a VALUES (1)",
        f"{NEW} ALTER TABLE a ADD FOREIGN KEY (id) REFERENCES d (i) ON DELETE RESTRICT",
        "CREATE TABLE IF NOT EXISTS a (id int); INSERT INTO a VALUES (1)",
    ],
)
def test_what_the_release_before_cannot_live_with(sql: str) -> None:
    without = classify(lint(sql), has_down=False)
    assert without.kind == "restore-only" and without.reasons
    assert classify(lint(sql), has_down=True).kind == "reversible"


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE a",
        "ALTER TABLE a DROP COLUMN b",
        "ALTER TABLE a DROP b",
        "TRUNCATE a",
        "DELETE FROM a",
        "WITH gone AS (DELETE FROM a RETURNING 1) SELECT 1",
        "SELECT f()",
        "DO $$ BEGIN END $$",
        "this is no SQL",
        "ALTER TABLE a ADD b text; SELECT 'open",
    ],
)
def test_what_no_script_brings_back_or_nobody_can_read(sql: str) -> None:
    found = classify(lint(sql), has_down=True)
    assert found.kind == "restore-only" and found.reasons


def script(sql: str) -> object:
    migration = Migration("m", sql, "s", path="m/migration.sql")
    found = split(migration, lint(sql).tree)
    return found.pieces or found.whole


def test_what_is_one_transaction_stays_as_it_is() -> None:
    text = "-- é\nALTER TABLE a ADD b text;\n\nUPDATE a SET b = ';';\n-- end"
    assert script(text) == text
    assert script("no SQL at all") == "no SQL at all"
    assert script("BEGIN;\nSELECT 'é';\nCOMMIT;") == "SELECT 'é';\n"


def test_what_refuses_a_transaction_is_split() -> None:
    text = (
        'ALTER TABLE "A" ADD b text;\nCREATE INDEX CONCURRENTLY IF NOT EXISTS "X;y" ON odd."A" (b);'
        "DROP INDEX CONCURRENTLY old; VACUUM a"
    )
    assert script(text) == (
        Piece('ALTER TABLE "A" ADD b text;'),
        Piece('CREATE INDEX CONCURRENTLY IF NOT EXISTS "X;y" ON odd."A" (b);', "create", "odd.X;y"),
        Piece("DROP INDEX CONCURRENTLY old;", "drop", "old"),
        Piece("VACUUM a"),
    )


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("CREATE INDEX CONCURRENTLY ON a (b)", "index without a name"),
        ("SELECT 1; COMMIT; SELECT 2", "controls transactions itself"),
        ("BEGIN; CREATE INDEX CONCURRENTLY x ON a (b); COMMIT", "controls transactions itself"),
    ],
)
def test_what_could_be_left_half_applied_is_refused(sql: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        script(sql)


@pytest.mark.parametrize("printed", ["", "nonsense", "SOURCE_FILE@0..3"])
def test_a_tree_in_another_form_is_never_half_read(printed: str) -> None:
    with pytest.raises(Unreadable):
        parse(printed, "select 1")
