"""SQL as a syntax tree: what `squawk --debug parse` prints, read back. Squawk is pinned, hence so is this form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

LINE = re.compile(r"(?P<indent> *)(?P<kind>[A-Z][A-Z0-9_]*)@(?P<start>\d+)\.\.(?P<end>\d+)(?: .*)?")
TRIVIA = frozenset({"WHITESPACE", "COMMENT", "SEMICOLON", "EMPTY_STMT"})


@dataclass
class Node:
    """A part of a script: its kind, its own text, its parts. Positions count bytes of UTF-8."""

    kind: str
    text: str
    start: int = 0
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()

    def all(self, kind: str) -> list[Node]:
        return [node for node in self.walk() if node.kind == kind]

    def has(self, *kinds: str) -> bool:
        return any(node.kind in kinds for node in self.walk())

    def part(self, *kinds: str) -> Node | None:
        return next((node for node in self.children if node.kind in kinds), None)


class Unreadable(ValueError):
    """The tree is not in the form that the pinned squawk prints."""


def parse(printed: str, sql: str) -> Node:
    """The tree of `sql`. Raises Unreadable rather than to leave anything out."""
    raw = sql.encode()
    root: Node | None = None
    stack: list[Node] = []
    shown, _, errors = printed.strip("\n").partition("\n---\n")
    if errors:
        raise Unreadable(errors.splitlines()[0])
    for line in shown.splitlines():
        found = LINE.fullmatch(line)
        if not found:
            raise Unreadable(f"not a line of a syntax tree: {line[:80]!r}")
        start, end, depth = int(found["start"]), int(found["end"]), len(found["indent"]) // 2
        node = Node(found["kind"], raw[start:end].decode(), start)
        del stack[depth:]
        if stack:
            stack[-1].children.append(node)
        root = root or node
        stack.append(node)
    if root is None or root.kind != "SOURCE_FILE" or root.text != sql or root.has("ERROR"):
        raise Unreadable("the syntax tree does not span the script")
    return root


def statements(tree: Node) -> list[Node]:
    """The statements of a script, without white space, comments and semicolons between them."""
    return [node for node in tree.children if node.kind not in TRIVIA]


def name_of(node: Node | None) -> str:
    """A relation's name as PostgreSQL knows it: without quotes and without the schema `public`."""
    if node is None:
        return ""
    parts = [identifier(segment.text) for segment in node.walk() if segment.kind.startswith("PATH_SEGMENT")]
    return ".".join(parts[1:] if parts[:1] == ["public"] and len(parts) > 1 else parts)


def identifier(text: str) -> str:
    text = text.strip()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()
