"""What was measured before a deployment, so that what comes after can be compared with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from deploy.checklists.item import Item
from deploy.errors import ConfigError
from deploy.journal import Journal
from deploy.probes.change import Compared
from deploy.question import Answer, Question, Shell, Unanswered
from deploy.reach import HERE
from deploy.scope import Scope
from deploy.site import Site

KIND = "baseline"


def compared(items: Iterable[Item]) -> list[Item]:
    """The items that ask for a baseline."""
    return [item for item in items if isinstance(item.probe, Compared) and item.probe.against == "baseline"]


def measure(items: Sequence[Item], site: Site, scope: Scope) -> dict[str, Any]:
    """Measure now what items are going to be compared with: `numbers` by item, and `lacking`, why there are none.

    What several hosts measure counts together; where one of them gives no answer, there is no baseline.
    """
    wanted = compared(items)
    asked = [(item, *each) for item in wanted for each in _questions(item, site, scope)]
    answers = site.answer([(host, question) for _, host, question in asked])
    numbers: dict[str, list[float]] = {}
    lacking = {item.id: "nothing was asked" for item in wanted} | {item.id: "" for item, _, _ in asked}
    for (item, _, _), answer in zip(asked, answers, strict=True):
        try:
            numbers.setdefault(item.id, []).extend(_measured(item, answer))
        except ValueError as error:
            lacking[item.id] = str(error)
    lacking = {name: why for name, why in lacking.items() if why}
    return {"numbers": {name: each for name, each in numbers.items() if name not in lacking}, "lacking": lacking}


def _questions(item: Item, site: Site, scope: Scope) -> Sequence[tuple[str, Question]]:
    """What its probe asks about the span before now, at each host where it reads files."""
    assert isinstance(item.probe, Compared)
    try:
        asked = item.probe.ask(replace(scope, since=datetime.now(UTC) - item.probe.span))
    except ConfigError:
        return ()  # a name that only a deployed release gives; told by the item itself later on
    questions = asked if isinstance(asked, tuple) else (asked,)
    return [(host, each) for each in questions for host in _hosts(item, each, site)]


def _hosts(item: Item, question: Question, site: Site) -> Sequence[str]:
    return site.hosts(item.on) if isinstance(question, Shell) else (HERE,)


def _measured(item: Item, answer: Answer | Unanswered) -> tuple[float, ...]:
    assert isinstance(item.probe, Compared)
    if isinstance(answer, Unanswered):
        raise ValueError(answer.why)
    return item.probe.measured(answer)


def kept(journal: Journal) -> Mapping[str, Sequence[float]]:
    """The numbers that a deployment keeps, by item; empty where nothing was measured."""
    record = journal.last(KIND)
    return dict(record["numbers"]) if record else {}


def against(items: Iterable[Item], numbers: Mapping[str, Sequence[float]]) -> list[Item]:
    """The items, those that ask for a baseline with theirs in its place; without one they stay, and are unknown."""
    items = list(items)
    wanted = {item.id for item in compared(items)} & numbers.keys()
    return [_with(item, numbers[item.id]) if item.id in wanted else item for item in items]


def _with(item: Item, numbers: Sequence[float]) -> Item:
    assert item.probe is not None
    return replace(item, probe=item.probe.model_copy(update={"against": tuple(numbers)}))
