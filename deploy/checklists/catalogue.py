"""What there is, described from the code: every probe with its parameters, every item with its binding."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from deploy.checklists.checklist import Checklist
from deploy.checklists.item import Item
from deploy.probes.base import Probe

WORDS = {str: "text", int: "whole number", float: "number", Decimal: "number", bool: "true or false"}


def describe_probes(probes: Mapping[str, type[Probe]]) -> list[dict[str, Any]]:
    """Each probe by name: {name, proves, parameters: [{name, type, default, required}], example}."""
    return [
        {
            "name": name,
            "proves": (inspect.getdoc(probe) or "").split("\n")[0],
            "parameters": [_parameter(field.alias or key, field) for key, field in probe.model_fields.items()],
            "example": inspect.cleandoc(probe.example),
        }
        for name, probe in sorted(probes.items())
    ]


def _parameter(name: str, field: FieldInfo) -> dict[str, Any]:
    required = field.is_required()
    default = None if required else field.get_default(call_default_factory=True, validated_data={})
    return {"name": name, "type": type_words(field.annotation), "required": required, "default": default}


def type_words(annotation: Any) -> str:
    """A type in the words of people who write YAML."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in WORDS:
        return WORDS[annotation]
    if origin is typing.Annotated:
        return type_words(inside[0])
    if origin is typing.Literal:
        return " | ".join(str(choice) for choice in inside)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(dict.fromkeys(type_words(each) for each in inside if each is not type(None)))
    return _compound(annotation, origin, inside)


def _compound(annotation: Any, origin: Any, inside: tuple[Any, ...]) -> str:
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"mapping to {type_words(inside[1])}"
    if origin in (tuple, list, set, frozenset):
        return "list of " + " or ".join(dict.fromkeys(type_words(each) for each in inside if each is not Ellipsis))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "{" + ", ".join(field.alias or name for name, field in annotation.model_fields.items()) + "}"
    return "anything" if annotation is Any else getattr(annotation, "__name__", str(annotation))


def describe_items(checklist: Checklist) -> list[dict[str, Any]]:
    """Each item with what it is bound to; `probe` is empty for a sign-off, `parameters` are those given."""
    return [_item(item) for item in checklist.items]


def _item(item: Item) -> dict[str, Any]:
    given = item.probe.model_dump(mode="json", exclude_unset=True, by_alias=True) if item.probe else {}
    return {
        "id": item.id,
        "title": item.title,
        "phase": item.phase,
        "section": item.section,
        "severity": item.severity.value,
        "probe": item.probe.name if item.probe else "",
        "parameters": given,
        "signoff": item.signoff,
        "due": item.due,
        "over": item.over,
        "on": item.on,
        "only": list(item.only),
        "action": item.action,
        "note": item.note,
        "sources": list(item.sources),
        "line": item.line,
    }
