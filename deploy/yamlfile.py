"""YAML with line numbers: every complaint about a file can say `file:line` and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from deploy.errors import ConfigError, nearest, together

Place = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)
BOM = "\N{BYTE ORDER MARK}"
WANTED = {  # by the beginning of pydantic's name for the mistake
    "extra_forbidden": "nothing is called so here",
    "missing": "is missing",
    "int_": "should be a whole number",
    "float_": "should be a number",
    "decimal_": "should be a number",
    "string_type": "should be text",
    "bool_": "should be true or false",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "set_type": "should be a list",
    "frozen_set_type": "should be a list",
    "dict_type": "should be a mapping of keys to values",
    "mapping_type": "should be a mapping of keys to values",
    "model_type": "should be a mapping of keys to values",
    "is_instance_of": "should be text",
    "pattern_": "is no regular expression",
}
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # which base there is depends on how PyYAML was built
    """Words mean what they say: `on`, `yes` and `17:00` are text, `0640` is text too; `true` and `12` are not."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":int", ":float"))]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"(?i:true|false)\Z", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)\Z", "-+0123456789"),
    ("float", r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|\.inf)\Z|\.nan\Z", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


class Document:
    """A parsed YAML text that remembers on which line each of its values stands."""

    def __init__(self, data: Any, lines: Mapping[Place, int], name: str) -> None:
        self.data, self.lines, self.name = data, lines, name

    def where(self, place: Place) -> str:
        """`file:line` of the value at a place, or of its closest parent."""
        while place and place not in self.lines:
            place = place[:-1]
        return f"{self.name}:{self.lines.get(place, 1)}"

    def only(self, keys: Container[object]) -> Document:
        """The same document with only some of its top-level keys."""
        return Document({key: self.data[key] for key in self.data if key in keys}, self.lines, self.name)


def read(path: Path) -> str:
    """A UTF-8 text file, its byte order mark and line ends as they are. Raises ConfigError, with the first bad line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), fix="Check the path.") from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError("not UTF-8", where=f"{path}:{line}", fix="Save the file as UTF-8.") from None


def load(path: Path) -> Document:
    """Parse a YAML file. Raises ConfigError."""
    return parse(read(path).removeprefix(BOM), str(path))


def mapping(document: Document) -> Document:
    """The document, which must hold keys and values at its top."""
    if not isinstance(document.data, dict):
        raise ConfigError("no mapping", where=document.where(()), fix="Write `key: value` lines.")
    return document


def parse(text: str, name: str, first_line: int = 1) -> Document:
    """Parse one YAML document; `first_line` is where the text starts in its file. Raises ConfigError."""
    try:
        text = text.replace("\r\n", "\n")
        _refuse_tags(text, name, first_line)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None, {}, name)
        lines = _lines(node, first_line, name)  # before merge keys are flattened into what looks like repeated ones
        return Document(loader.construct_document(node), lines, name)
    except yaml.MarkedYAMLError as error:
        at_end = error.problem_mark is None or error.problem_mark.line >= len(text.splitlines())
        mark = (error.context_mark or error.problem_mark) if at_end else error.problem_mark  # where it was opened
        raise _refused(str(error.problem), name, first_line + (mark.line if mark else 0)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date like 2026-02-30
        raise _refused(str(error).splitlines()[0], name, first_line) from None


def _refuse_tags(text: str, name: str, first_line: int) -> None:
    """A tag (`!!int x`) would make PyYAML build what a file has no business to ask for, or stumble over it."""
    for token in yaml.scan(text, Loader=_Loader) if "!" in text else ():
        if isinstance(token, yaml.TagToken):
            raise _refused("tags like !!int are not used here", name, first_line + token.start_mark.line)


def _refused(problem: str, name: str, line: int) -> ConfigError:
    return ConfigError(f"not YAML: {problem}", where=f"{name}:{line}", fix="Mind indentation, colons and quotes.")


def _lines(root: yaml.Node, first: int, name: str) -> dict[Place, int]:
    """Where each value stands. What an alias repeats is not walked again: it has the line of its parent."""
    lines: dict[Place, int] = {(): first + root.start_mark.line}
    seen: set[int] = set()
    todo: list[tuple[Place, yaml.Node]] = [((), root)]
    while todo:
        place, node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        for key, line, child in _children(node):
            below = (*place, key)
            if below in lines:
                raise ConfigError(f"{key!r} stands twice", where=f"{name}:{first + line}", fix="Keep one of them.")
            lines[below] = first + line
            todo.append((below, child))
    return lines


def _children(node: yaml.Node) -> Iterator[tuple[str | int, int, yaml.Node]]:
    if isinstance(node, yaml.SequenceNode):
        yield from ((index, child.start_mark.line, child) for index, child in enumerate(node.value))
    elif isinstance(node, yaml.MappingNode):
        scalars = [(key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
        yield from ((key.value, key.start_mark.line, value) for key, value in scalars)


def build(model: type[M], document: Document, *, hide: bool = False) -> M:
    """The model made from a document; complaints name file, line and the fix. `hide` keeps values out of them."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        raise together(_complaints(error, model, document, hide)) from None


def _complaints(error: ValidationError, model: type[BaseModel], document: Document, hide: bool) -> list[ConfigError]:
    """One complaint for each value: the branches of a union are alternatives, not several mistakes."""
    found: dict[Place, list[Any]] = {}
    for detail in error.errors(include_url=False, include_context=True):
        found.setdefault(_place(detail, document.data), []).append(detail)
    return [_complaint(place, details, model, document, hide) for place, details in found.items()]


def _place(detail: Any, data: Any) -> Place:
    """Where in the document a complaint belongs: pydantic's location without its names of union branches."""
    place: list[str | int] = []
    for part in detail["loc"]:
        if (isinstance(data, dict) and part in data) or (isinstance(data, list) and part in range(len(data))):
            place.append(part)
            data = data[part]
    if detail["type"] == "missing":
        place.append(detail["loc"][-1])
    return tuple(place)


def _complaint(place: Place, details: list[Any], model: type[BaseModel], document: Document, hide: bool) -> ConfigError:
    key = ".".join(str(part) for part in place)
    wanted = " or ".join(dict.fromkeys(_wanted(detail) for detail in details))
    message = f"{key}: {wanted}" if key else wanted
    return ConfigError(message, where=document.where(place), fix=_fix(details[0], place, model, hide))


def _wanted(detail: Any) -> str:
    """What was expected, in words for people who do not know pydantic."""
    kind = str(detail["type"])
    named = next((words for start, words in WANTED.items() if kind.startswith(start)), None)
    return named or str(detail["msg"]).removeprefix("Value error, ").replace("Input should", "should")


def _fix(detail: Any, place: Place, model: type[BaseModel], hide: bool) -> str:
    if detail["type"] == "extra_forbidden":
        return nearest(str(place[-1]), _fields(model, place[:-1]))
    if detail["type"] == "missing":
        return f"Add `{place[-1]}: …`."
    found = detail.get("input")
    if hide or isinstance(found, dict | list):
        return ""
    return f"Found {found!r}." + (" Put it in quotes." if detail["type"] == "string_type" and found is not None else "")


def _fields(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that are known at a place below a model."""
    models = [model]
    for part in place:
        inner = [each.model_fields[str(part)].annotation for each in models if str(part) in each.model_fields]
        models = [found for annotation in inner for found in _models(annotation)] or models
    return [field.alias or name for each in models for name, field in each.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type, however deep in tuples, mappings and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
