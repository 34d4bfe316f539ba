"""What travels between ingestion, extraction and merging."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LLM_SOURCES = ("serper", "openstreetmap")
DETERMINISTIC_SOURCES = ("google_places", "sport_scotland", "edinburgh_council", "open_charge_map")
SOURCES = LLM_SOURCES + DETERMINISTIC_SOURCES
ALIASES = {"osm": "openstreetmap", "open_street_map": "openstreetmap"}
CRITICAL_FIELDS = ("entity_name", "latitude", "longitude", "street_address", "city", "postcode")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Raw:
    """One row of RawIngestion: an item of a source, whose payload lies in a file."""

    id: str
    source: str
    source_url: str
    file_path: str
    hash: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Extracted:
    """What one raw item says, in the listing's vocabulary; `attributes` holds columns and further facts alike."""

    entity_type: str
    attributes: dict[str, Any]
    discovered: dict[str, Any] = field(default_factory=dict)
    external_ids: dict[str, Any] = field(default_factory=dict)
    extraction_hash: str | None = None
    model_used: str | None = None


@dataclass(frozen=True)
class ExtractedRow:
    """One row of ExtractedListing, as the merger reads it."""

    id: str
    source: str
    created_at: datetime
    extracted: Extracted


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """The sha256 of a value's canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def new_id() -> str:
    """A random id in the shape of a cuid."""
    return _shape(uuid.uuid4().int << 64 | uuid.uuid4().int >> 64)


def derived_id(*parts: str) -> str:
    """An id that depends on nothing but `parts`."""
    return _shape(int(digest(parts), 16))


def _shape(number: int) -> str:
    letters = []
    for _ in range(24):
        number, rest = divmod(number, 36)
        letters.append(DIGITS[rest])
    return "c" + "".join(letters)
