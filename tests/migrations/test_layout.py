from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from deploy.errors import ConfigError
from deploy.migrations.layout import Kind, Migration, listing, parse


def read(folder: Path, kind: Kind) -> list[Migration]:
    """List with a real shell, as a host would."""
    done = subprocess.run(["sh", "-eu", "-c", listing(str(folder), kind)], capture_output=True, text=True, check=True)
    return parse(done.stdout, str(folder), kind)


def put(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_sql", ".sql").replace("_toml", ".toml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def test_prismas_folders_in_order_with_their_checksums(tmp_path: Path) -> None:
    put(tmp_path, migration_lock_toml='# kept\nprovider = "postgresql"\n')
    put(tmp_path, b__migration_sql="select 'é';\r\n", b__down_sql="-- back", a__migration_sql="")
    first, second = read(tmp_path, "prisma")
    assert (first.name, first.sql, first.down) == ("a", "", None)
    assert (second.sql, second.down) == ("select 'é';\r\n", "-- back")
    assert second.checksum == hashlib.sha256("select 'é';\r\n".encode()).hexdigest()
    assert second.path == f"{tmp_path}/b/migration.sql"


@pytest.mark.parametrize("provider", ['provider = "sqlite"', "provider = 'mysql'", ""])
def test_migrations_for_another_database_are_refused(tmp_path: Path, provider: str) -> None:
    put(tmp_path, migration_lock_toml=provider, a__migration_sql="")
    with pytest.raises(ConfigError, match=r"migration_lock\.toml: the migrations are for .*, not for postgresql"):
        read(tmp_path, "prisma")


def test_a_missing_lock_file_and_a_folder_without_sql(tmp_path: Path) -> None:
    put(tmp_path, a__migration_sql="")
    with pytest.raises(ConfigError, match=r"migration_lock\.toml: is missing"):
        read(tmp_path, "prisma")
    put(tmp_path, migration_lock_toml='provider = "postgresql"')
    (tmp_path / "hollow one").mkdir()
    with pytest.raises(ConfigError, match=r"hollow one/migration\.sql: the migration has no SQL"):
        read(tmp_path, "prisma")


def test_text_that_is_not_utf8_is_refused_with_its_file(tmp_path: Path) -> None:
    put(tmp_path, migration_lock_toml='provider = "postgresql"', a__migration_sql="")
    (tmp_path / "a/migration.sql").write_bytes(b"select '\xff'")
    with pytest.raises(ConfigError, match=r"a/migration\.sql: byte 8 is not UTF-8"):
        read(tmp_path, "prisma")


def test_plain_files_by_number(tmp_path: Path) -> None:
    put(tmp_path, **{"002_more_sql": "b", "001_first_sql": "a"})
    (tmp_path / "002_more.down.sql").write_text("back")
    assert [(m.name, m.sql, m.down) for m in read(tmp_path, "sql")] == [
        ("001_first", "a", None),
        ("002_more", "b", "back"),
    ]
    put(tmp_path, notes_sql="")
    with pytest.raises(ConfigError, match=r"notes\.sql: its name does not start with a number"):
        read(tmp_path, "sql")


def test_an_empty_folder_has_no_migrations(tmp_path: Path) -> None:
    assert read(tmp_path, "prisma") == [] == read(tmp_path, "sql")
