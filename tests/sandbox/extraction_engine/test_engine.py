"""The practice engine for real: sources and model over HTTP, data in PostgreSQL."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox.extraction_engine.recorded import VENUES
from tests.sandbox.extraction_engine.practice import DERIVED, Engine, Releases

pytestmark = pytest.mark.live

UNDO = """DELETE FROM "RawIngestion" WHERE metadata_json::jsonb->>'load_id' = %s"""


@pytest.fixture
def engine(releases: Releases, databases: Any) -> Engine:
    """The second release with one load in its database."""
    return releases.engine("v2", databases())


@pytest.fixture(scope="module")
def untouched(releases: Releases, databases: Any) -> Engine:
    """The same, for tests that change nothing in it."""
    return releases.engine("v2", databases())


def test_a_load_from_nothing(releases: Releases, databases: Any, tmp_path: Path) -> None:
    engine = releases.engine("v1", databases(empty=True))
    engine.migrate()
    assert "Overall Status: HEALTHY" in engine.health()
    engine.ingest("load-1")
    log = tmp_path / "logs" / "extraction.log"
    report = engine.ok("engine.extraction.run_all", "--limit", "200", ENGINE_LOG=str(log))
    assert "Total records: 60\nSucceeded: 60\nFailed: 0\nSuccess rate: 100.0%" in report
    assert "LLM cost: GBP 0.0" in report
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["level"] for line in lines} == {"INFO", "WARNING"}
    assert len([line for line in lines if line["level"] == "WARNING"]) == 2
    assert "Overall Status: HEALTHY" in engine.health()
    assert engine.value('SELECT count(*) FROM "Listing" WHERE source_info IS NOT NULL') > 30
    assert engine.value('SELECT count(*) FROM "MergeConflict"') == 0
    llm = """SELECT count(*), count(extraction_hash), count(DISTINCT model_used),
                    min((attributes::jsonb->'llm_usage'->>'input_tokens')::int)
             FROM "ExtractedListing" WHERE source IN ('serper', 'openstreetmap')"""
    rows, hashes, models, tokens = engine.rows(llm)[0]
    assert (rows, hashes, models) == (48, 48, 1)
    assert tokens > 0


def test_raw_rows_tell_their_load_and_their_file(untouched: Engine) -> None:
    metadata, path = untouched.rows('SELECT metadata_json, file_path FROM "RawIngestion" LIMIT 1')[0]
    assert json.loads(metadata).keys() == {"query", "load_id", "release"}
    assert json.loads(metadata)["load_id"] == "load-1"
    assert (untouched.folder / path).is_file()


def test_a_second_run_changes_nothing(untouched: Engine) -> None:
    before = untouched.contents()
    assert "Total records: 0" in untouched.ok("engine.extraction.run_all", "--limit", "100")
    assert "; 0 rows written" in untouched.ok("engine.extraction.merge")
    assert untouched.contents() == before


def test_an_item_under_another_query_is_a_duplicate(untouched: Engine) -> None:
    before = untouched.contents()
    said = untouched.ok("engine.ingestion.cli", "google_places", "padel near edinburgh", "-v")
    assert "0 new items, 12 duplicates not stored again" in said
    assert untouched.contents() == before


def test_a_dry_run_writes_nothing(engine: Engine, tmp_path: Path) -> None:
    engine.ingest("load-2")
    before, log = engine.contents(), tmp_path / "extraction.log"
    for source in ("google_places", "serper", "osm"):
        said = engine.ok("engine.extraction.run", f"--source={source}", "--limit=5", "--dry-run", ENGINE_LOG=str(log))
        assert "Total records: 5\nSucceeded: 5\nFailed: 0" in said
    assert "Dry run" in engine.ok("engine.extraction.run_all", "--dry-run", "--limit", "5")
    assert engine.contents() == before
    assert not log.exists()


def test_a_failed_record_is_kept_aside_and_tried_again(engine: Engine) -> None:
    engine.ingest("load-2")
    assert "Failed: 1" in engine.ok("engine.extraction.run", "--source", "serper", "--quiet")
    assert engine.rows('SELECT source, retry_count FROM "FailedExtraction"') == [("serper", 0)]
    assert "Recent Failures: 1" in engine.health()
    said = engine.ok("engine.extraction.cli", "--retry-failed", "--limit", "5")
    assert "Retried: 1\nSucceeded: 1\nFailed: 0" in said
    assert engine.value('SELECT count(*) FROM "FailedExtraction"') == 0


def test_a_retry_that_fails_again_is_counted(engine: Engine) -> None:
    engine.ok("engine.ingestion.cli", "google_places", "tennis")
    engine.rows(
        """UPDATE "RawIngestion" SET file_path = 'engine/data/raw/gone.json' WHERE metadata_json LIKE '%%tennis%%'"""
    )
    assert engine.run("engine.extraction.run", "--source", "google_places").returncode == 1
    assert engine.run("engine.extraction.cli", "--retry-failed", "--limit", "5").returncode == 1
    assert engine.value('SELECT count(*) FROM "FailedExtraction" WHERE retry_count = 1') == 5
    assert engine.run("engine.extraction.cli", "--retry-failed", "--max-retries", "1", "--limit", "5").returncode == 1
    assert engine.value('SELECT max(retry_count) FROM "FailedExtraction"') == 1


def test_taking_a_load_back_restores_every_table(engine: Engine) -> None:
    before = engine.contents()
    engine.load("load-2")
    during = engine.contents()
    assert [table for table in DERIVED if during[table] != before[table]] == ["Listing", "_CategoryToListing"]
    engine.rows(UNDO, "load-2")
    engine.ok("engine.extraction.merge")
    assert engine.contents() == before


def test_taking_the_only_load_back_leaves_nothing(engine: Engine) -> None:
    engine.rows(UNDO, "load-1")
    engine.ok("engine.extraction.merge")
    assert {rows for rows, _ in engine.contents().values()} == {0}


def test_disputes_are_recorded_and_go_with_their_cause(engine: Engine) -> None:
    engine.load("load-2")
    before = engine.contents()
    engine.rows(
        """UPDATE "ExtractedListing" SET attributes = jsonb_set(attributes::jsonb, '{phone}', '"0131 496 0999"')::text
           WHERE id = (SELECT id FROM "ExtractedListing" WHERE source = 'openstreetmap'
                       AND attributes::jsonb->>'entity_name' = 'Bruntsfield Padel Centre')"""
    )
    engine.ok("engine.extraction.merge")
    disputes = engine.rows('SELECT field_name, winner_source, trust_difference, severity FROM "MergeConflict"')
    assert disputes == [("phone", "serper", 10, 0.333)]
    assert "Overall Status: WARNING" in engine.health()
    assert before["Listing"] == engine.contents()["Listing"]


def test_each_call_takes_the_next_items_until_there_are_none(engine: Engine) -> None:
    for _ in range(2):
        assert "24 new items, 0 duplicates" in engine.ok("engine.ingestion.cli", "serper", "squash")
    engine.rows(
        """INSERT INTO "RawIngestion" (id, source, source_url, file_path, status, hash, metadata_json)
           SELECT 'filler' || n, 'serper', '', '', 'skipped', n::text, '{"query": "squash"}'
           FROM generate_series(1, %s) n""",
        VENUES,
    )
    assert "no new items" in engine.ok("engine.ingestion.cli", "serper", "squash")


@pytest.mark.parametrize(
    ("module", "arguments", "code"),
    [
        ("engine.ingestion.cli", [], 0),
        ("engine.ingestion.cli", ["--list"], 0),
        ("engine.ingestion.cli", ["--status"], 0),
        ("engine.ingestion.cli", ["yellow_pages", "padel"], 2),
        ("engine.ingestion.cli", ["serper"], 2),
        ("engine.ingestion.cli", ["sport_scotland", "padel"], 1),
        ("engine.extraction.run", ["--retry-failed"], 2),
        ("engine.extraction.cli", [], 1),
        ("engine.extraction.health", [], 0),
    ],
)
def test_exit_codes(module: str, arguments: list[str], code: int, untouched: Engine) -> None:
    assert untouched.run(module, *arguments).returncode == code


def test_what_is_missing_is_named(engine: Engine) -> None:
    engine.ingest("load-2")
    no_key = engine.run("engine.extraction.run_all", ANTHROPIC_API_KEY="")
    assert (no_key.returncode, "ANTHROPIC_API_KEY is not set" in no_key.stderr) == (1, True)
    assert engine.value('SELECT count(*) FROM "FailedExtraction"') == 0
    del (environment := dict(engine.environment))["SERPER_API_KEY"]
    no_source_key = Engine(engine.folder, engine.url, environment).run("engine.ingestion.cli", "serper", "padel")
    assert (no_source_key.returncode, "SERPER_API_KEY" in no_source_key.stderr) == (1, True)
    for module in ("engine.extraction.health", "engine.extraction.run_all", "engine.extraction.merge"):
        assert engine.run(module, DATABASE_URL="postgresql://nobody@127.0.0.1:1/x").returncode == 1


def test_without_the_generated_client_nothing_runs(untouched: Engine, tmp_path: Path) -> None:
    copy = tmp_path / "engine-without-client"
    shutil.copytree(untouched.folder, copy, symlinks=True)
    (copy / "engine/generated_client.py").unlink()
    done = Engine(copy, untouched.url, untouched.environment).run("engine.extraction.health")
    assert (done.returncode, "RuntimeError: The client has not been generated" in done.stderr) == (1, True)


def test_prisma_s_schema_parameter_is_understood(untouched: Engine) -> None:
    engine = Engine(untouched.folder, untouched.url + "?schema=public&connection_limit=5", untouched.environment)
    assert "Overall Status: HEALTHY" in engine.health()


def test_its_own_tests_are_green_and_leave_no_rows(untouched: Engine) -> None:
    before = untouched.contents()
    said = untouched.ok("pytest", "-q", "-p", "no:cacheprovider", "--cov=engine/extraction", "engine/extraction/tests")
    passed = int(said.rpartition(" passed")[0].split()[-1])
    coverage = int(said.partition("TOTAL")[2].split("%")[0].split()[-1])
    assert passed >= 125
    assert coverage > 80
    assert untouched.contents() == before
