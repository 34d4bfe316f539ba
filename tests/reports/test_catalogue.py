import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from pydantic import BaseModel, Field

from deploy.checklists.catalogue import describe_items, describe_probes
from deploy.checklists.checklist import parse
from deploy.probes import known_probes
from deploy.probes.base import PROBES, Probe
from deploy.reports.catalogue import as_json, items_text, probes_text
from tests.reports.recorded import golden


class Samples(BaseModel):
    sql: str
    at_least: int


class Number(Probe):
    """A number keeps to its bounds.

    More about it.
    """

    example: ClassVar[str] = "sql: select 1\nabove: 0.5"
    sql: str
    above: float | None = None
    within: float = Field(5.0, gt=0)
    colour: Literal["red", "green"] = "red"
    strict: bool = False
    samples: Samples | None = None
    labels: tuple[str, ...] = ()
    pairs: tuple[tuple[str, int], ...] = ()
    limits: Mapping[str, int] = {}
    start: int | str = Field(1, alias="from")


Number.name = "test.number"  # named only now, so that it is not registered for every other test

CHECKLIST = """\
## prereqs
- [ ] A number is good
  ```yaml
  id: number
  probe: test.number
  severity: warning
  sql: select count(*) from a_table_with_a_long_name where something = 'something else'
  above: 0.85
  due: 1h
  over: 7d
  on: db
  only: [prod]
  ```
## backup
- [ ] Told
"""


@pytest.fixture(autouse=True)
def _probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROBES, "test.number", Number)


def test_a_probe_with_its_parameters_types_defaults_and_example() -> None:
    golden("probes.txt", probes_text(describe_probes({"test.number": Number})))
    golden("probes.json", as_json(describe_probes({"test.number": Number})))


def test_items_by_phase_with_bindings() -> None:
    rows = describe_items(parse(CHECKLIST, Path("checklist.md")))
    golden("items.txt", items_text(rows))
    golden("items.json", as_json(rows))


def test_every_probe_there_is_tells_what_it_proves_and_shows_an_example() -> None:
    rows = describe_probes({name: probe for name, probe in known_probes().items() if name != "test.number"})
    assert [row["name"] for row in rows if not row["proves"] or not row["example"]] == []
    assert json.loads(as_json(rows))
    assert probes_text(rows)
