"""`python -m engine.extraction.merge`: computes the listings anew from all that has been extracted.

Listing, Category, their links and MergeConflict are a pure function of the ExtractedListing rows: ids and times are
derived, not drawn. So taking back what a deployment loaded, and merging again, restores them exactly.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import psycopg

from engine import config, db
from engine.extraction.categories import categories, taxonomy
from engine.records import ExtractedRow, derived_id
from engine.store import Store

CONTESTED = (
    "street_address",
    "city",
    "postcode",
    "country",
    "latitude",
    "longitude",
    "phone",
    "email",
    "website_url",
    "opening_hours",
)
COLUMNS = ("summary", *CONTESTED)
NOT_MERGED = {"entity_name", "llm_usage", *COLUMNS}
CONFLICT_SPAN = 15


@dataclass
class Merged:
    """The rows of the derived tables, as they should be."""

    listings: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: list[dict[str, Any]] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """By table name; links come after both of their ends."""
        return {
            "Listing": self.listings,
            "Category": list(self.categories.values()),
            "_CategoryToListing": self.links,
            "MergeConflict": self.conflicts,
        }


def slugify(name: str) -> str:
    """`Café Padel & Co.` becomes `cafe-padel-co`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def severity(trust_difference: int) -> float | None:
    """1 for equally trusted sources, down to 0; None from 15 points on, where there is no doubt who is right."""
    if trust_difference >= CONFLICT_SPAN:
        return None
    return round(1 - trust_difference / CONFLICT_SPAN, 3)


def merge(rows: list[ExtractedRow]) -> Merged:
    """One listing for all rows of one name; per field the most trusted source's latest value wins."""
    groups: dict[str, list[ExtractedRow]] = defaultdict(list)
    for row in rows:
        groups[slugify(row.extracted.attributes["entity_name"])].append(row)
    merged = Merged()
    for slug in sorted(groups):
        _merge_group(merged, slug, sorted(groups[slug], key=_rank))
    return merged


def _rank(row: ExtractedRow) -> tuple[int, float, str]:
    return -config.trust(row.source), -row.created_at.timestamp(), row.id


def _merge_group(merged: Merged, slug: str, rows: list[ExtractedRow]) -> None:
    listing_id = derived_id("Listing", slug)
    times = [row.created_at for row in rows]
    stamps = {"createdAt": min(times), "updatedAt": max(times)}
    winners = {name: row for name in COLUMNS if (row := _first(rows, name))}
    listing = {
        "id": listing_id,
        "slug": slug,
        "entity_name": rows[0].extracted.attributes["entity_name"],
        "entityType": rows[0].extracted.entity_type,
        **{name: winners[name].extracted.attributes[name] if name in winners else None for name in COLUMNS},
        "attributes": _json(_union(rows, "attributes")),
        "discovered_attributes": _json(_union(rows, "discovered")),
        "source_info": _json({"sources": sorted({row.source for row in rows}), "records": len(rows)}),
        "field_confidence": _json({name: config.trust(row.source) / 100 for name, row in winners.items()}),
        "external_ids": _json(_union(rows, "external_ids")),
        **stamps,
    }
    merged.listings.append(listing)
    merged.conflicts += [
        {"id": derived_id("MergeConflict", slug, name), "listing_id": listing_id, **found, **stamps}
        for name in CONTESTED
        if (found := conflict(name, rows))
    ]
    _categorise(merged, listing, _union(rows, "attributes").get("sports", []))


def conflict(name: str, rows: list[ExtractedRow]) -> dict[str, Any] | None:
    """The dispute about a field between its winner and the most trusted source that says something else."""
    claims = [(row.source, row.extracted.attributes[name]) for row in rows if row.extracted.attributes.get(name)]
    others = [(source, value) for source, value in claims if value != claims[0][1]]
    if not others:
        return None
    difference = config.trust(claims[0][0]) - config.trust(others[0][0])
    if severity(difference) is None:
        return None
    return {
        "field_name": name,
        "conflicting_values": json.dumps([{"source": source, "value": value} for source, value in claims]),
        "winner_source": claims[0][0],
        "winner_value": str(claims[0][1]),
        "trust_difference": difference,
        "severity": severity(difference),
    }


def _categorise(merged: Merged, listing: dict[str, Any], sports: list[str]) -> None:
    text = " ".join([listing["entity_name"], listing["entityType"].lower(), *sports])
    for key in categories(text):
        row = merged.categories.setdefault(key, _category(key, listing))
        row["createdAt"] = row["updatedAt"] = min(row["createdAt"], listing["createdAt"])
        merged.links.append({"A": row["id"], "B": listing["id"]})


def _category(key: str, listing: dict[str, Any]) -> dict[str, Any]:
    entry = taxonomy()[key]
    names = {"name": entry["display_name"], "slug": key.replace("_", "-"), "description": entry["description"]}
    times = {"createdAt": listing["createdAt"], "updatedAt": listing["createdAt"]}
    return {"id": derived_id("Category", key), **names, **times}


def _first(rows: list[ExtractedRow], name: str) -> ExtractedRow | None:
    return next((row for row in rows if row.extracted.attributes.get(name) is not None), None)


def _union(rows: list[ExtractedRow], part: str) -> dict[str, Any]:
    """All further facts; where two sources name the same one, the more trusted is kept."""
    union: dict[str, Any] = {}
    for row in rows:
        for name, value in getattr(row.extracted, part).items():
            if name not in NOT_MERGED and value is not None:
                union.setdefault(name, value)
    return union


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def run(store: Store) -> str:
    """Brings the derived tables up to date, writing only what differs; a line for people."""
    tables, written = store.derive(lambda rows: merge(rows).tables())
    listings, conflicts = len(tables["Listing"]), len(tables["MergeConflict"])
    return f"Merged into {listings} listings, {conflicts} conflicts; {written} rows written"


def main() -> int:
    try:
        with db.connect() as connection:
            print(run(Store(connection)))
    except psycopg.Error as error:
        print(f"merge: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
