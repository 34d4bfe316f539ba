"""The shape of a checklist file: phases, sections, items and their blocks, each with its lines; nothing judged yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.token import Token

from deploy.errors import ConfigError

TASK = re.compile(r"\[[ xX]\](?:\s+(.*))?", re.S)
ALMOST = re.compile(r"\[[\sxX✓✔~-]{0,3}\](?![(\[:])|[-*+]\[[\sxX]?\]")  # `[]`, `[x]text`, `-[ ]`: meant as an item
BULLET = re.compile(r"\s*(?:[-*+]|[0-9]+[.)]) ?\[[ xX]?\]")
FENCE = re.compile(r"^ *(`{3,}|~{3,})", re.M)
LINE = re.compile(r".*?(?:\r\n|\r|\n|\Z)", re.S)
BINDING = {"", "yaml", "yml"}  # a block in another language is prose


@dataclass(frozen=True)
class Block:
    """The text of a fenced block, and the line of its first content."""

    text: str
    line: int


@dataclass
class Entry:
    """One task of the list: `line` has its box, `end` is its last line that is not empty; lines count from 1."""

    title: str
    phase: str
    section: str
    line: int
    end: int
    blocks: list[Block] = field(default_factory=list)


@dataclass
class Outline:
    """What a file holds; `headings` are its phases in order, with the line of each heading."""

    headings: list[tuple[str, int]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    problems: list[ConfigError] = field(default_factory=list)


def raw_lines(text: str) -> list[str]:
    """The lines of a text with their ends, split where Markdown splits them (not at form feeds and the like)."""
    return [line for line in LINE.findall(text) if line]


def outline(text: str, name: str) -> Outline:
    """Read the shape of a checklist; `name` is the file's name for complaints, which are collected, not raised."""
    return _Reader(text, name).read()


class _Reader:
    """Walks the tokens once; `list_items` holds, for every list item that is open, its Entry or None."""

    def __init__(self, text: str, name: str) -> None:
        self.lines, self.name = raw_lines(text), name
        self.tokens = MarkdownIt("commonmark").parse(text)
        self.outline = Outline()
        self.section = ""
        self.list_items: list[Entry | None] = []

    def read(self) -> Outline:
        quoted = 0
        for index, token in enumerate(self.tokens):
            quoted += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
            if not quoted:
                self._read(index, token)
        return self.outline

    def _read(self, index: int, token: Token) -> None:
        match token.type:
            case "heading_open":
                self._heading(token, self.tokens[index + 1].content.strip())
            case "list_item_open":
                self._open(token, self.tokens[index + 1 : index + 3])
            case "list_item_close":
                self.list_items.pop()
            case "paragraph_open":
                self._paragraph(self.tokens[index + 1], self.tokens[index - 1].type == "list_item_open")
            case "fence":
                self._fence(token)
            case "code_block":
                self._indented(token)
            case "html_block":
                self._html(token)

    def _heading(self, token: Token, title: str) -> None:
        if self.list_items:
            self._refuse(token, "a heading inside a list", "Leave an empty line before it, and do not indent it.")
        elif token.tag == "h2":
            self.outline.headings.append((title, _line(token)))
            self.section = ""
        elif token.tag == "h3":
            self.section = title

    def _open(self, token: Token, following: list[Token]) -> None:
        """Note a list item; only one that begins with a box is an Entry."""
        paragraph, inline = following
        box = TASK.fullmatch(inline.content) if paragraph.type == "paragraph_open" else None
        entry = self._entry(token, paragraph, box[1] or "") if box else None
        if entry and any(self.list_items):
            self._refuse(token, "an item inside an item", "Give it its own line, without indentation.")
        elif entry:
            self.outline.entries.append(entry)
        self.list_items.append(entry)

    def _entry(self, token: Token, paragraph: Token, title: str) -> Entry:
        first, end = token.map or [0, 0]
        while end > first + 1 and not self.lines[end - 1].strip():
            end -= 1
        phase = self.outline.headings[-1][0] if self.outline.headings else ""
        if not phase:
            self._refuse(token, "an item before the first phase", "Put it below a `## phase` heading.")
        if not title.strip():
            self._refuse(token, "an item without text", "Write `- [ ] what must hold`.")
        return Entry(" ".join(title.split()), phase, self.section, _line(paragraph), end)

    def _paragraph(self, inline: Token, opens_item: bool) -> None:
        """Complain about what was meant as an item or a block, and would silently be prose."""
        for number, row in enumerate(inline.content.split("\n")):
            if FENCE.match(row):
                self._refuse(inline, "a block that is indented too far", "Indent it like the item's text.", number)
            elif ALMOST.match(row) and not (opens_item and number == 0 and TASK.fullmatch(inline.content)):
                self._refuse(inline, "this looks like an item, and is none", "Write `- [ ] what must hold`.", number)

    def _fence(self, token: Token) -> None:
        language = token.info.split()[0].lower() if token.info.strip() else ""
        first, end = token.map or [0, 0]
        closing = self.lines[end - 1].strip()
        if end - 1 == first or set(closing) != {token.markup[0]} or len(closing) < len(token.markup):
            self._refuse(token, "a block that is not closed", f"End it with {token.markup}, indented as it began.")
        elif any(row.lstrip().startswith(token.markup) for row in token.content.split("\n")):
            self._refuse(token, "a block in which another one opens", f"End this one with {token.markup} before that.")
        elif language in BINDING:
            self._bind(token, Block(token.content, first + 2))

    def _bind(self, token: Token, block: Block) -> None:
        entry = self.list_items[-1] if self.list_items else None
        if entry is None:
            self._refuse(token, "a block outside an item", "Indent it by two spaces, below its `- [ ]` line.")
            return
        if entry.blocks:
            self._refuse(token, "a second block in one item", "Keep one block an item.")
        entry.blocks.append(block)
        first, end = token.map or [0, 0]
        for number, row in enumerate(self.lines[first + 1 : end - 1], start=1):
            if "\t" in row[: len(row) - len(row.lstrip())]:
                self._refuse(token, "a tab in the indentation", "Indent with spaces.", number)

    def _indented(self, token: Token) -> None:
        for number, row in enumerate(token.content.split("\n")):
            if FENCE.match(row) or BULLET.match(row):
                self._refuse(token, "this is indented so far that it is prose", "Indent it by two spaces less.", number)

    def _html(self, token: Token) -> None:
        """A comment may hide items; anything else would swallow them without a sound."""
        comment = token.content.lstrip().startswith("<!--")
        if comment and "-->" not in token.content:
            self._refuse(token, "a comment that is not closed", "End it with -->.")
        for number, row in enumerate([] if comment else token.content.split("\n")):
            if FENCE.match(row) or BULLET.match(row):
                self._refuse(token, "an item or a block inside HTML", "Leave an empty line before it.", number)

    def _refuse(self, token: Token, message: str, fix: str, offset: int = 0) -> None:
        where = f"{self.name}:{_line(token) + offset}"
        self.outline.problems.append(ConfigError(message, where=where, fix=fix))


def _line(token: Token) -> int:
    return (token.map or [0, 0])[0] + 1


def phases_without_items(found: Outline) -> Iterator[tuple[str, int]]:
    """The headings of phases below which there is no item."""
    filled = {entry.phase for entry in found.entries}
    return ((phase, line) for phase, line in found.headings if phase not in filled)
