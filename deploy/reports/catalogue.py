"""The catalogues of probes and of items, as text and as JSON, from plain rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from deploy import plain

Rows = Sequence[Mapping[str, Any]]


def as_json(rows: Rows) -> str:
    """The rows as a JSON array; what JSON cannot say is written as its text."""
    return json.dumps(rows, ensure_ascii=False, indent=2, default=str) + "\n"


def probes_text(probes: Rows) -> str:
    """One paragraph a probe: what it proves, its parameters with type and default, an example."""
    return "\n".join(_probe(probe) for probe in probes)


def _probe(probe: Mapping[str, Any]) -> str:
    parameters = [f"    {each['name']:<20} {each['type']}{_default(each)}" for each in probe["parameters"]]
    example = [f"      {row}" for row in str(probe["example"]).splitlines()]
    rows = [probe["name"], f"    {probe['proves']}", *parameters, *(["    example", *example] if example else [])]
    return "\n".join(rows) + "\n"


def _default(parameter: Mapping[str, Any]) -> str:
    if parameter["required"]:
        return ", required"
    default = parameter["default"]
    return "" if default in (None, "", (), [], {}) else f", default {_short(default)}"


def items_text(items: Rows) -> str:
    """The items by phase: severity, id, title, and the probe or the person that tells whether each holds."""
    blocks = []
    for phase, group in groupby(items, key=lambda item: item["phase"]):
        rows = [row for item in group for row in _item(item)]
        blocks.append("\n".join([str(phase), *rows]) + "\n")
    return "\n".join(blocks)


def _item(item: Mapping[str, Any]) -> list[str]:
    asked = [item["probe"], *(f"{key}={_short(value)}" for key, value in item["parameters"].items())]
    binding = " ".join(asked) if item["probe"] else ""
    signed = "signed by a person" if item["signoff"] else ""
    spans = [f"{key} {item[key]}" for key in ("due", "over") if item[key]]
    place = [f"on {item['on']}"] if item["on"] != "app" else []
    only = [f"only {', '.join(item['only'])}"] if item["only"] else []
    told = "; ".join(filter(None, [binding, signed, *spans, *place, *only]))
    return [f"  {item['severity']:<8} {item['id']:<28} {plain.line(item['title'])}", f"{'':40}{told}"]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return plain.line(text, 60)
