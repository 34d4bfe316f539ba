"""Ingest, extract, merge, verify: in memory, and on PostgreSQL where DATABASE_URL is given."""

from pathlib import Path
from typing import Any

import pytest

from engine.extraction import health, llm, merge
from engine.extraction.pipeline import Pipeline
from engine.extraction.tests.conftest import RecordedModel
from engine.ingestion.ingest import ingest


def place(number: int) -> dict[str, Any]:
    return {
        "id": f"p{number}",
        "displayName": {"text": f"Leith Padel Club {number}"},
        "formattedAddress": "12 Shore, Edinburgh EH6 6QW, UK",
        "location": {"latitude": 55.97, "longitude": -3.17},
        "internationalPhoneNumber": "+44 131 496 0001",
    }


PAGES = {
    "google_places": [place(number) for number in range(4)],
    "serper": [{"name": f"Leith Padel Club {number}", "phone": "0131 496 0001"} for number in range(1, 6)],
}


def fetch(url: str, headers: Any, timeout: float) -> dict[str, Any]:
    """Two items at a time, as far as they reach."""
    source, cursor = url.split("//")[1].split(".")[0], int(url.split("cursor=")[1])
    return {"items": PAGES[source][cursor : cursor + 2]}


def load(store: Any, folder: Path, model: RecordedModel) -> None:
    for source in PAGES:
        ingest(store, source, "padel", fetch, folder)
    Pipeline(store, llm.Reader(post=model)).run(store.pending())
    merge.run(store)


def test_ingest_extract_merge_verify(store: Any, tmp_path: Path, model: RecordedModel) -> None:
    load(store, tmp_path, model)
    found = health.collect(store)
    assert found.status == "HEALTHY"
    assert [(row["source"], row["raw"], row["extracted"]) for row in found.sources] == [
        ("google_places", 2, 2),
        ("serper", 2, 2),
    ]
    assert len(merge.merge(store.extracted()).listings) == 3
    assert found.llm["input_tokens"] == 800


def test_each_load_takes_the_next_items_until_there_are_none(store: Any, tmp_path: Path, model: RecordedModel) -> None:
    for _ in range(4):
        load(store, tmp_path, model)
    assert {row["source"]: row["raw"] for row in health.collect(store).sources} == {"google_places": 4, "serper": 5}


def test_an_item_that_is_here_is_not_stored_again(store: Any, tmp_path: Path) -> None:
    ingest(store, "google_places", "padel", fetch, tmp_path)
    batch = ingest(store, "google_places", "padel edinburgh", fetch, tmp_path)
    assert (batch.stored, batch.duplicates) == (0, 2)


def test_merging_again_writes_nothing(store: Any, tmp_path: Path, model: RecordedModel) -> None:
    load(store, tmp_path, model)
    assert merge.run(store).endswith("; 0 rows written")


def test_a_failed_item_is_kept_aside_until_a_retry_succeeds(store: Any, tmp_path: Path, model: RecordedModel) -> None:
    hard = {"items": [{"name": "Hard Padel Club", "hard": True}]}
    ingest(store, "serper", "hard", lambda *_: hard, tmp_path)
    pipeline = Pipeline(store, llm.Reader(post=model))
    pipeline.run(store.pending())
    assert store.pending() == []
    assert len(store.failures()) == 1
    pipeline.run(store.failed(3), again=True)
    assert store.failures() == []


@pytest.mark.parametrize(("source", "count"), [("google_places", 2), ("serper", 2)])
def test_raw_files_lie_by_source(source: str, count: int, store: Any, tmp_path: Path) -> None:
    ingest(store, source, "padel", fetch, tmp_path)
    assert len(list((tmp_path / source).glob("20*_c*.json"))) == count
