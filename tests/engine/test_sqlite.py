"""A SQLite file whose data was moved to PostgreSQL is compared with what arrived."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy import ask, config
from deploy.checklists.checklist import load
from deploy.result import Result
from deploy.scope import Scope
from deploy.site import Site
from tests.engine.checkout import Checkout, Snapshot

pytestmark = pytest.mark.live

LISTING = ("Category", "Listing", "ListingRelationship", "MergeConflict")
RAW = ("RawIngestion", "ExtractedListing", "FailedExtraction")
KEYS = {
    "ListingRelationship": ("sourceListingId", "Listing"),
    "ExtractedListing": ("raw_ingestion_id", "RawIngestion"),
    "FailedExtraction": ("raw_ingestion_id", "RawIngestion"),
}


@pytest.fixture
def source(v2: Snapshot, checkout: Checkout, tmp_path: Path) -> Path:
    """The file that production's data could have come from: the same rows, with their keys."""
    path = tmp_path / "dev.db"
    with sqlite3.connect(path) as old, checkout.connect() as connection:
        for table in (*LISTING, *RAW):
            cursor = connection.execute(f'select * from "{table}"'.encode())
            names = [column.name for column in cursor.description or ()]
            key = KEYS.get(table)
            foreign = f', foreign key ("{key[0]}") references "{key[1]}" (id)' if key else ""
            listed = ", ".join(f'"{name}"' + (" primary key" if name == "id" else "") for name in names)
            old.execute(f'create table "{table}" ({listed}{foreign})')
            rows = [tuple(None if value is None else str(value) for value in row) for row in cursor]
            old.executemany(f'insert into "{table}" values ({", ".join("?" * len(names))})', rows)
    return path


def judged(checkout: Checkout, source: Path | None) -> Result:
    """The item E16 alone, asked for real."""
    system = config.load_system(checkout.system)
    place = config.load_environment(system, "local", checkout.folder, {})
    release = checkout.target / "current"
    names = {"sqlite_source": str(source or ""), "python": str(release / ".venv/bin/python"), "release": str(release)}
    (item,) = [item for item in load(checkout.system / "checklist.md").items if item.id == "sqlite-moved"]
    (result,) = ask.ask([item], Site(place), Scope(names=names))
    return result


def test_nothing_was_moved(v2: Snapshot, checkout: Checkout) -> None:
    assert judged(checkout, None).status == "skipped"


def test_everything_arrived(source: Path, checkout: Checkout) -> None:
    result = judged(checkout, source)
    assert result.status == "pending"  # it holds, and a person signs it
    assert result.found.startswith("the same")
    assert "RawIngestion" in result.evidence


def fewer(checkout: Checkout) -> None:
    checkout.rows('delete from "ExtractedListing" where id = (select min(id) from "ExtractedListing")')


def orphan(checkout: Checkout) -> None:
    constraint = checkout.value(
        """select conname from pg_constraint where conrelid = '"ExtractedListing"'::regclass and contype = 'f'"""
    )
    checkout.rows(f'alter table "ExtractedListing" drop constraint "{constraint}"')
    checkout.rows(
        """update "ExtractedListing" set raw_ingestion_id = 'nowhere'
        where id = (select min(id) from "ExtractedListing")"""
    )


def duplicate(checkout: Checkout) -> None:
    checkout.rows('drop index "Listing_slug_key"')
    checkout.rows('update "Listing" set slug = (select min(slug) from "Listing")')


@pytest.mark.parametrize("spoil", [fewer, orphan, duplicate], ids=lambda spoil: str(spoil.__name__))
def test_loss_is_found(spoil: Callable[[Checkout], None], source: Path, checkout: Checkout) -> None:
    spoil(checkout)
    result = judged(checkout, source)
    assert result.status == "fail"
    assert ("Listing" if spoil is duplicate else "ExtractedListing") in result.found


def test_orphan_of_the_source_is_found(source: Path, checkout: Checkout) -> None:
    with sqlite3.connect(source) as old:
        old.execute("""update "ExtractedListing" set raw_ingestion_id = 'nowhere' where rowid = 1""")
    assert judged(checkout, source).status == "fail"


def test_migrate_asks_it_where_a_file_is_named(source: Path, checkout: Checkout) -> None:
    described = checkout.system / "system.yaml"
    kept = described.read_text()
    assert kept.count('sqlite_source: ""') == 1
    described.write_text(kept.replace('sqlite_source: ""', f"sqlite_source: {source}"))
    try:
        checkout.invoke("migrate", "--ref", "v2", "--env", "local")
        assert checkout.result("sqlite-moved")["status"] == "pending"
        with sqlite3.connect(source) as old:
            old.execute("""delete from "MergeConflict" where rowid = 1""")
            old.execute("""delete from "ExtractedListing" where rowid = 1""")
        assert "sqlite-moved" in checkout.invoke("migrate", "--ref", "v2", "--env", "local", code=6)
    finally:
        described.write_text(kept)
