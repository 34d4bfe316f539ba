"""Maps the words of a listing to the canonical categories of engine/config/canonical_categories.yaml."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from engine import config


@cache
def taxonomy() -> dict[str, dict[str, Any]]:
    """The canonical categories by key."""
    return {entry["category_key"]: entry for entry in config.load("canonical_categories")["taxonomy"]}


@cache
def _rules() -> list[tuple[re.Pattern[str], str, float]]:
    rules = config.load("canonical_categories")["mapping_rules"]
    return [(re.compile(rule["pattern"], re.IGNORECASE), rule["canonical"], rule["confidence"]) for rule in rules]


def categories(text: str) -> list[str]:
    """The keys that `text` maps to, most confident first, at most as many as the configuration allows."""
    limits = config.load("canonical_categories")["promotion_config"]
    found: dict[str, float] = {}
    for pattern, key, confidence in _rules():
        if confidence >= limits["min_confidence"] and pattern.search(text):
            found[key] = max(confidence, found.get(key, 0.0))
    return sorted(found, key=lambda key: (-found[key], key))[: limits["max_categories"]]
