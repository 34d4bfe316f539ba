"""What is read in recorded items stays the same: snapshots/<source>.json holds items and the facts expected of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.extraction.extractors import DETERMINISTIC
from engine.extraction.llm import understand
from engine.extraction.tests.conftest import answer

CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}-{number}")
    for path in sorted((Path(__file__).parent / "snapshots").glob("*.json"))
    for number, case in enumerate(json.loads(path.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize(("source", "case"), CASES)
def test_snapshot(source: str, case: dict[str, Any]) -> None:
    read = DETERMINISTIC.get(source, lambda facts: understand(answer(**facts)))
    extracted = read(case["item"])
    assert (extracted.entity_type, extracted.attributes) == (case["entity_type"], case["attributes"])
