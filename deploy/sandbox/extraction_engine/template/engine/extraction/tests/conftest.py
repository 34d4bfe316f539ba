"""A store in memory, one over temporary copies of the real tables where DATABASE_URL is given, and a recorded model."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import config, db
from engine.records import CRITICAL_FIELDS, Extracted, ExtractedRow, Raw
from engine.store import Store

NOON = datetime(2026, 1, 22, 12)


class MemoryStore:
    """Answers as Store does, from dictionaries."""

    def __init__(self) -> None:
        self.raws: dict[str, Raw] = {}
        self.outcomes: dict[str, Extracted] = {}
        self.quarantined: dict[str, dict[str, Any]] = {}
        self.tables: dict[str, list[dict[str, Any]]] = {}

    def stored(self, source: str, query: str) -> int:
        return sum(raw.source == source and raw.metadata["query"] == query for raw in self.raws.values())

    def has(self, item_hash: str) -> bool:
        return any(raw.hash == item_hash for raw in self.raws.values())

    def add(self, raw: Raw) -> None:
        self.raws[raw.id] = raw

    def pending(self, source: str | None = None, limit: int | None = None, *, again: bool = False) -> list[Raw]:
        done = set() if again else {*self.outcomes, *self.quarantined}
        chosen = [raw for raw in self.raws.values() if raw.source == (source or raw.source) and raw.id not in done]
        return chosen[:limit]

    def raw(self, raw_id: str) -> Raw | None:
        return self.raws.get(raw_id)

    def failed(self, max_retries: int, limit: int | None = None) -> list[Raw]:
        found = [self.raws[name] for name, row in self.quarantined.items() if row["retry_count"] < max_retries]
        return found[:limit]

    def cached(self, extraction_hash: str) -> dict[str, Extracted]:
        return {name: found for name, found in self.outcomes.items() if found.extraction_hash == extraction_hash}

    def save(self, raw: Raw, extracted: Extracted) -> None:
        self.quarantined.pop(raw.id, None)
        self.outcomes[raw.id] = extracted

    def quarantine(self, raw: Raw, message: str, details: str) -> None:
        retries = self.quarantined[raw.id]["retry_count"] + 1 if raw.id in self.quarantined else 0
        row = {"source": raw.source, "error_message": message, "error_details": details, "retry_count": retries}
        self.quarantined[raw.id] = row

    def extracted(self) -> list[ExtractedRow]:
        return [
            ExtractedRow(name, self.raws[name].source, NOON + timedelta(minutes=n), found)
            for n, (name, found) in enumerate(self.outcomes.items())
        ]

    def derive(self, compute: Any) -> tuple[Any, int]:
        tables = compute(self.extracted())
        written = sum(row not in self.tables.get(name, []) for name, rows in tables.items() for row in rows)
        self.tables = tables
        return tables, written

    def sources(self) -> list[dict[str, Any]]:
        names = sorted({raw.source for raw in self.raws.values()})
        return [
            {
                "source": name,
                "raw": sum(raw.source == name for raw in self.raws.values()),
                "extracted": sum(self.raws[raw_id].source == name for raw_id in self.outcomes),
                "unprocessed": len(self.pending(name)),
            }
            for name in names
        ]

    def nulls(self) -> dict[str, float]:
        rows = [found.attributes for found in self.outcomes.values()]
        return {
            field: 100 * sum(row.get(field) is None for row in rows) / max(len(rows), 1) for field in CRITICAL_FIELDS
        }

    def failures(self) -> list[dict[str, Any]]:
        return list(self.quarantined.values())

    def conflicts(self) -> int:
        return len(self.tables.get("MergeConflict", []))

    def llm_usage(self) -> dict[str, int]:
        used = [row.attributes["llm_usage"] for row in self.outcomes.values() if row.model_used]
        sums = {kind: sum(usage[kind] for usage in used) for kind in ("input_tokens", "output_tokens")}
        return {"rows": len(used), "counted": len(used), **sums}


def temporary_store() -> Iterator[Store]:
    """A store whose tables are empty copies that only its own session sees: nothing is left behind."""
    with db.connect() as connection:
        for table in (*db.MODELS, "_CategoryToListing"):
            connection.execute(f'CREATE TEMPORARY TABLE "{table}" (LIKE "{table}" INCLUDING ALL)')
        yield Store(connection)


@pytest.fixture(params=["memory", "postgres"] if os.environ.get("DATABASE_URL") else ["memory"])
def store(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryStore()
    else:
        yield from temporary_store()


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no log file, and every source at an address that is never asked."""
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ENGINE_LOG", "LOAD_ID", "RELEASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        config, "source", lambda name: {"base_url": f"http://{name}.example", "api_key": "k", "timeout_seconds": 1}
    )


def answer(**facts: Any) -> dict[str, Any]:
    """An answer of the language model's API that uses the tool."""
    facts = {"entity_type": "CLUB", **facts}
    used = {"type": "tool_use", "id": "toolu_1", "name": "record_listing", "input": facts}
    return {"content": [used], "stop_reason": "tool_use", "usage": {"input_tokens": 400, "output_tokens": 100}}


def refusal() -> dict[str, Any]:
    """An answer that cannot be used."""
    return {"content": [{"type": "text", "text": "Which place?"}], "stop_reason": "end_turn", "usage": {}}


class RecordedModel:
    """Reads `{"name": …}` records; those marked hard only when asked again. Counts its calls."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(body)
        record = json.loads(body["messages"][0]["content"].removeprefix("<record>").removesuffix("</record>"))
        if record.get("hard") and "earlier answer" not in body["system"]:
            return refusal()
        return answer(
            entity_name=record["name"],
            summary=f"{record['name']} is a club.",
            street_address="12 Shore",
            city="Edinburgh",
            postcode="EH6 6QW",
            latitude=55.97,
            longitude=-3.17,
            phone=record.get("phone"),
            website_url="https://leith.example",
            sports=["padel"],
        )


@pytest.fixture
def model() -> RecordedModel:
    return RecordedModel()


def row(number: int, source: str, name: str = "Leith Padel Club", **attributes: Any) -> ExtractedRow:
    """An extracted row, `number` minutes after noon."""
    extracted = Extracted("CLUB", {"entity_name": name, **attributes})
    return ExtractedRow(f"c{number}", source, NOON + timedelta(minutes=number), replace(extracted))


def put(store: Any, folder: Path, source: str, *items: dict[str, Any]) -> list[Raw]:
    """Stores raw items with their files."""
    raws = []
    for item in items:
        number = len(list(folder.glob("*.json")))
        path = folder / f"{number}.json"
        path.write_text(json.dumps(item), encoding="utf-8")
        raw = Raw(f"raw{number}", source, "http://example", str(path), f"hash{number}", {"query": "padel"})
        store.add(raw)
        raws.append(raw)
    return raws
