"""What is read in recorded items stays the same.

snapshots/<source>/<n>.json is an item as it came (for a language model's source: what the model answered), and
<n>.expected.yaml the facts read in it.
"""

import json
from pathlib import Path

import pytest
import yaml

from engine.extraction.extractors import DETERMINISTIC
from engine.extraction.llm import understand
from engine.extraction.tests.conftest import answer

ITEMS = sorted((Path(__file__).parent / "snapshots").glob("*/*.json"))


@pytest.mark.parametrize("path", [pytest.param(path, id=f"{path.parent.name}-{path.stem}") for path in ITEMS])
def test_snapshot(path: Path) -> None:
    item = json.loads(path.read_text(encoding="utf-8"))
    expected = yaml.safe_load(path.with_suffix(".expected.yaml").read_text(encoding="utf-8"))
    read = DETERMINISTIC.get(path.parent.name, lambda facts: understand(answer(**facts)))
    extracted = read(item)
    assert {"entity_type": extracted.entity_type, "attributes": extracted.attributes} == expected
