"""A checklist: what people read, and what a deployment is gated, validated and signed by.

    ## phase                one of deploy.system.PHASES
    ### title               a section, for people
    - [ ] what must hold    an item; with a fenced `yaml` block inside it, bound to a probe; without one, a sign-off

Line ends (LF, CRLF) and a byte order mark are accepted, and kept when the file is written back ticked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deploy import discover, duration, yamlfile
from deploy.checklists.item import Item, bind
from deploy.checklists.outline import Outline, outline, phases_without_items
from deploy.errors import ConfigError, nearest, together
from deploy.system import PHASES

__all__ = ["Checklist", "Item", "load", "parse"]


@dataclass(frozen=True)
class Checklist:
    """The items of one file, in its order, and its text as it was read (which ticking writes back)."""

    path: Path
    items: tuple[Item, ...]
    text: str = ""

    @cached_property
    def by_id(self) -> dict[str, Item]:
        return {item.id: item for item in self.items}

    def phase(self, name: str, window: str | None = None) -> list[Item]:
        """The items of a phase that are judged at once; with a window (`1h`) also those that are due within it."""
        return [item for item in self.items if item.phase == name and _within(item, window)]

    def owed(self) -> list[Item]:
        """The items that are owed after the deployment, the soonest first."""
        due = [item for item in self.items if item.due]
        return sorted(due, key=lambda item: duration.parse(item.due))


def _within(item: Item, window: str | None) -> bool:
    if not item.due:
        return True
    return window is not None and duration.parse(item.due) <= duration.parse(window)


def load(path: Path) -> Checklist:
    """Read a checklist. Raises ConfigError with everything that is wrong in it, by file and line."""
    return parse(yamlfile.read(path), path)


def parse(text: str, path: Path) -> Checklist:
    """The checklist that a text describes; `path` names it in complaints, and its folder knows the environments."""
    name = str(path)
    found = outline(text.removeprefix(yamlfile.BOM), name)
    problems = [*found.problems, *_phase_problems(found, name)]
    items: list[Item] = []
    for entry in found.entries:
        try:
            items.append(bind(entry, name))
        except ConfigError as error:
            problems.extend(error.parts)
    problems += [*_repeated(items, name), *_elsewhere(items, path)]
    if not items and not problems:
        problems.append(ConfigError("no items", where=name, fix="Write `- [ ] what must hold` below a `## phase`."))
    if problems:
        raise together(sorted(problems, key=_line))
    return Checklist(path, tuple(items), text)


def _phase_problems(found: Outline, name: str) -> Iterator[ConfigError]:
    for phase, line in found.headings:
        if phase not in PHASES:
            yield ConfigError(f"there is no phase {phase!r}", where=f"{name}:{line}", fix=nearest(phase, PHASES))
    for phase, line in phases_without_items(found):
        fix = "Give it an item, or remove the heading."
        yield ConfigError(f"the phase {phase!r} is empty", where=f"{name}:{line}", fix=fix)


def _repeated(items: list[Item], name: str) -> Iterator[ConfigError]:
    first: dict[str, Item] = {}
    for item in items:
        other = first.setdefault(item.id, item)
        if other is not item:
            fix = "Give each item an `id:` of its own."
            yield ConfigError(
                f"the id {item.id!r} is already that of line {other.line}", where=f"{name}:{item.line}", fix=fix
            )


def _elsewhere(items: list[Item], path: Path) -> Iterator[ConfigError]:
    """A misspelt environment would leave an item out for ever, without a sound."""
    known = discover.environment_names(path.parent)
    for item in items:
        for name in item.only:
            if known and name not in known:
                fix = nearest(name, known)
                yield ConfigError(f"`only`: there is no environment {name!r}", where=f"{path}:{item.line}", fix=fix)


def _line(problem: ConfigError) -> int:
    line = problem.where.rpartition(":")[2]
    return int(line) if line.isdigit() else 0
