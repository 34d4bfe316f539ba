"""Stores a source's next batch: a raw file and a RawIngestion row for every item that is new."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.ingestion.connectors import Fetch, get_json, next_batch
from engine.records import Raw, digest, new_id
from engine.store import Store

RAW_FOLDER = Path("engine/data/raw")


@dataclass
class Batch:
    """What became of the items of one call."""

    stored: int = 0
    duplicates: int = 0


def ingest(store: Store, source: str, query: str, fetch: Fetch = get_json, folder: Path = RAW_FOLDER) -> Batch:
    """Fetches and stores the next items of `query`; an item that is here already is left alone."""
    url, items = next_batch(source, query, store.stored(source, query), fetch)
    batch = Batch()
    for item in items:
        item_hash = digest(item)
        if store.has(item_hash):
            batch.duplicates += 1
            continue
        raw_id = new_id()
        path = write_file(folder / source, raw_id, item)
        store.add(Raw(raw_id, source, url, str(path), item_hash, origin(query)))
        batch.stored += 1
    return batch


def write_file(folder: Path, raw_id: str, item: dict[str, Any]) -> Path:
    """The payload as it came, under today's date and the row's id."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%d}_{raw_id}.json"
    path.write_text(json.dumps(item, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def origin(query: str) -> dict[str, str | None]:
    """Where a row comes from: by `load_id` a deployment finds, and can take back, what it loaded."""
    return {"query": query, "load_id": os.environ.get("LOAD_ID"), "release": os.environ.get("RELEASE")}
