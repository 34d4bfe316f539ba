"""Each branch misbehaves as it promises, and in no other way."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import psycopg
import pytest

from deploy.sandbox.extraction_engine.history import BRANCHES
from tests.sandbox.extraction_engine.practice import QUERIES, Engine, Releases

pytestmark = pytest.mark.live

FIELDS = ("latitude", "longitude", "street_address", "city", "postcode")
SAME_CODE = {  # as the second release, whose tests are run elsewhere
    "broken/migration-fails",
    "broken/migration-fails-on-data",
    "broken/secret-committed",
    "concurrent-index",
}
LLM_RATE = """
    SELECT r.source, count(*), avg((e.id IS NOT NULL)::int)::float FROM "RawIngestion" r
    LEFT JOIN "ExtractedListing" e ON e.raw_ingestion_id = r.id
    WHERE r.metadata_json::jsonb->>'load_id' = 'load-2' AND r.source <> 'google_places' GROUP BY r.source"""
NULL_RATE = """
    SELECT avg((e.attributes::jsonb->>'{}' IS NULL)::int)::float FROM "ExtractedListing" e
    JOIN "RawIngestion" r ON r.id = e.raw_ingestion_id WHERE r.metadata_json::jsonb->>'load_id' = 'load-2'"""


@pytest.mark.parametrize("branch", sorted(BRANCHES.keys() - SAME_CODE))
def test_own_tests(branch: str, releases: Releases) -> None:
    """Green, but for the branch that promises otherwise."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "engine/extraction/tests"]
    folder = releases.checkout(branch)
    environment = {**releases.environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == (1 if branch == "broken/tests-fail" else 0), done.stdout
    if done.returncode:
        assert "1 failed" in done.stdout


def test_a_failing_migration(releases: Releases, databases: Any) -> None:
    for empty in (True, False):
        with pytest.raises(psycopg.errors.UndefinedTable):
            releases.engine("broken/migration-fails", databases(empty=empty)).migrate()


def test_a_migration_that_fails_on_data(releases: Releases, databases: Any) -> None:
    releases.engine("broken/migration-fails-on-data", databases(empty=True)).migrate()
    with pytest.raises(psycopg.errors.UniqueViolation):
        releases.engine("broken/migration-fails-on-data", databases()).migrate()


def test_a_destructive_migration(releases: Releases, databases: Any) -> None:
    engine = releases.engine("broken/destructive-migration", databases())
    assert engine.value('SELECT count(opening_hours) FROM "Listing"') > 0
    engine.migrate()
    with pytest.raises(psycopg.errors.UndefinedColumn):
        engine.value('SELECT opening_hours FROM "Listing"')
    engine.load("load-2")
    assert "Overall Status: HEALTHY" in engine.health()


def test_bad_health(releases: Releases, databases: Any) -> None:
    engine = releases.engine("broken/health-bad", databases())
    assert "Overall Status: CRITICAL" in engine.health()


def load(releases: Releases, databases: Any, branch: str) -> Engine:
    engine = releases.engine(branch, databases())
    engine.migrate()
    engine.load("load-2")
    return engine


def test_lower_success(releases: Releases, databases: Any) -> None:
    engine = load(releases, databases, "broken/quality-success")
    for _, records, rate in engine.rows(LLM_RATE):
        assert (records, rate) == (24, 0.75)
    assert all(engine.value(NULL_RATE.format(field)) < 0.5 for field in FIELDS)


def test_more_nulls(releases: Releases, databases: Any) -> None:
    engine = load(releases, databases, "broken/quality-nulls")
    assert all(engine.value(NULL_RATE.format(field)) > 0.5 for field in FIELDS)
    assert [rate for *_, rate in engine.rows(LLM_RATE)] == [1.0, 1.0]


def test_a_load_that_crashes(releases: Releases, databases: Any) -> None:
    engine = releases.engine("broken/load-crashes", databases())
    engine.ingest("load-2")
    for _ in ("the load", "the load once more"):
        done = engine.run("engine.extraction.run_all", "--limit", "200")
        assert (done.returncode, "ZeroDivisionError" in done.stderr) == (1, True)
    assert 60 < engine.value('SELECT count(*) FROM "ExtractedListing"') < 120


def test_a_reversible_migration(releases: Releases, databases: Any) -> None:
    engine = releases.engine("reversible-migration", databases())
    before = engine.contents()
    engine.migrate()
    assert engine.value('SELECT count(query) FROM "RawIngestion"') == 60
    source, query = QUERIES[0]
    assert "12 new items" in engine.ok("engine.ingestion.cli", source, query, LOAD_ID="load-2")
    engine.rows("""DELETE FROM "RawIngestion" WHERE metadata_json::jsonb->>'load_id' = 'load-2'""")
    folders = sorted((engine.folder / "web/prisma/migrations").glob("*/down.sql"), reverse=True)
    assert len(folders) == 2
    for path in folders:
        engine.rows(path.read_text())
    assert engine.contents() == before


def test_a_concurrent_index(releases: Releases, databases: Any) -> None:
    engine = releases.engine("concurrent-index", databases())
    engine.migrate()
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = '\"Listing_website_url_idx\"'::regclass"
    assert engine.value(valid) is True


def test_rows_loaded_by_the_first_release_are_extended_by_the_second_and_taken_back(
    releases: Releases, databases: Any
) -> None:
    """A load of the second release is undone by the first one, over the schema of the second."""
    first, second = (releases.engine(ref, url) for url in [databases()] for ref in ("v1", "v2"))
    before = first.contents()
    second.load("load-2")
    first.rows("""DELETE FROM "RawIngestion" WHERE metadata_json::jsonb->>'load_id' = 'load-2'""")
    first.ok("engine.extraction.merge")
    columns = "SELECT md5(string_agg(to_jsonb(l)::text, '|' ORDER BY id)) FROM (SELECT * FROM \"Listing\") l"
    without = columns.replace("to_jsonb(l)", "(to_jsonb(l) - 'description')")
    assert {**first.contents(), "Listing": 0} == {**before, "Listing": 0}
    now = first.value(without)
    second.ok("engine.extraction.merge")
    assert second.value(without) == now
    assert second.contents() == before
