"""YAML with line numbers: every complaint about a file can say `file:line` and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from deploy.errors import ConfigError, nearest

Path_ = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


class Document:
    """A parsed YAML text that remembers on which line each of its values stands."""

    def __init__(self, data: Any, lines: Mapping[Path_, int], name: str) -> None:
        self.data, self.lines, self.name = data, lines, name

    def where(self, path: Path_) -> str:
        """`file:line` of the value at a path, or of its closest parent."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"


def parse(text: str, name: str, first_line: int = 1) -> Document:
    """Parse one YAML document; `first_line` is where the text starts in its file. Raises ConfigError."""
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=yaml.CSafeLoader)  # noqa: S506 - the safe loader, in C
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + (mark.line if mark else 0)
        raise ConfigError(
            f"not YAML: {error.problem}", where=f"{name}:{line}", fix="Mind indentation, colons and quotes."
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}", where=f"{name}:{first_line}") from None
    lines: dict[Path_, int] = {}
    if node is not None:
        _mark(node, (), lines, first_line, name)
    return Document(data, lines, name)


def _mark(node: yaml.Node, path: Path_, lines: dict[Path_, int], first: int, name: str) -> None:
    lines.setdefault(path, first + node.start_mark.line)
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _mark(child, (*path, index), lines, first, name)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, key.value)
            line = first + key.start_mark.line
            if below in lines:
                raise ConfigError(f"{key.value!r} stands twice", where=f"{name}:{line}", fix="Keep one of them.")
            lines[below] = line
            _mark(value, below, lines, first, name)


def build(model: type[M], document: Document, data: Any = None, at: Path_ = ()) -> M:
    """The model made from a document (or from a part of it, at a path); complaints name file, line and the fix."""
    try:
        return model.model_validate(document.data if data is None else data)
    except ValidationError as error:
        raise _complaint(error, model, document, at) from None


def _complaint(error: ValidationError, model: type[BaseModel], document: Document, at: Path_) -> ConfigError:
    first = error.errors()[0]
    path: Path_ = (*at, *(part for part in first["loc"] if not _is_tag(part)))
    key = ".".join(str(part) for part in first["loc"])
    message = f"{key}: {first['msg']}" if key else str(first["msg"])
    return ConfigError(message, where=document.where(path), fix=_fix(first, model))


def _is_tag(part: str | int) -> bool:
    return isinstance(part, str) and ("[" in part or "-" in part and part.startswith("function"))


def _fix(first: Any, model: type[BaseModel]) -> str:
    if first["type"] == "extra_forbidden":
        word = str(first["loc"][-1])
        return nearest(word, _fields(model, first["loc"][:-1]))
    if first["type"] == "missing":
        return f"Write `{first['loc'][-1]}: …` there."
    return f"Found {first.get('input')!r}." if not isinstance(first.get("input"), dict) else ""


def _fields(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """The keys that are known at a path below a model, as far as plain nesting tells."""
    current: Any = model
    for part in path:
        field = current.model_fields.get(part) if _is_model(current) else None
        current = _inner(field.annotation) if field else current
    return list(current.model_fields) if _is_model(current) else list(model.model_fields)


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)


def _inner(annotation: Any) -> Any:
    options = [annotation, *getattr(annotation, "__args__", ())]
    return next((option for option in options if _is_model(option)), annotation)


def closest(word: str, known: list[str]) -> str | None:
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else None
