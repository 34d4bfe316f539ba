"""Waivers: items that somebody answers for until a day, so that they do not hold a deployment.

`waivers.yaml` is a list of {item, owner, reason, expires}. What is expired, ownerless, reasonless or without a day of
expiry does not count, and is reported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from deploy import yamlfile
from deploy.checklists.person import is_person
from deploy.errors import ConfigError, nearest, together
from deploy.result import OPEN, Result, Status
from deploy.yamlfile import Document


def _day(value: object) -> object:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        day = value
    if day is not None and type(day) is not date:  # a datetime is a date too, yet no day
        raise ValueError("should be a day like 2026-12-31")
    return day


class Waiver(BaseModel):
    """One entry: who answers for which item, why, and up to and including which day."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    item: str
    owner: str = ""
    reason: str = ""
    expires: Annotated[date | None, BeforeValidator(_day)] = None

    def flaw(self, today: date) -> str:
        """Why it does not count; empty when it does."""
        if not is_person(self.owner):
            return "has no owner"
        if not self.reason.strip():
            return "has no reason"
        if self.expires is None:
            return "has no day of expiry"
        return f"expired on {self.expires}" if self.expires < today else ""


class _File(BaseModel):
    waivers: tuple[Waiver, ...]


def load(path: Path, known: Collection[str], today: date) -> tuple[list[Waiver], list[str]]:
    """The waivers that count today, and a complaint (`file:line: …`) about each that does not; none without a file.

    `known` are the ids of the checklist: a waiver for anything else is a ConfigError that names the nearest.
    """
    if not path.exists():
        return [], []
    document = yamlfile.load(path)
    if document.data is None:
        return [], []
    if not isinstance(document.data, list):
        fix = "Write a list: `- {item: …, owner: …, reason: …, expires: 2026-12-31}`."
        raise ConfigError("no list", where=document.where(()), fix=fix)
    waivers = _build(document)
    _check_items(waivers, known, document)
    flaws = [(index, waiver, waiver.flaw(today)) for index, waiver in enumerate(waivers)]
    complaints = [
        f"{document.where((index,))}: the waiver for {waiver.item!r} {flaw}, and does not count"
        for index, waiver, flaw in flaws
        if flaw
    ]
    return [waiver for _, waiver, flaw in flaws if not flaw], complaints


def _build(document: Document) -> tuple[Waiver, ...]:
    lines = {("waivers", *place): line for place, line in document.lines.items()}
    return yamlfile.build(_File, Document({"waivers": document.data}, lines, document.name)).waivers


def _check_items(waivers: Sequence[Waiver], known: Collection[str], document: Document) -> None:
    unknown = [
        ConfigError(
            f"the checklist has no item {waiver.item!r}",
            where=document.where((index, "item")),
            fix=nearest(waiver.item, known),
        )
        for index, waiver in enumerate(waivers)
        if waiver.item not in known
    ]
    if unknown:
        raise together(unknown)


def apply(results: Iterable[Result], waivers: Iterable[Waiver]) -> list[Result]:
    """The results, those that are open and waived as `waived`; what was found stays, with who answers for it."""
    by_item = {waiver.item: waiver for waiver in waivers}
    return [_waived(result, by_item.get(result.item)) for result in results]


def _waived(result: Result, waiver: Waiver | None) -> Result:
    if waiver is None or result.status not in OPEN:
        return result
    why = f"{waiver.owner}: {waiver.reason}, until {waiver.expires}"
    evidence = "\n".join(filter(None, [why, f"without the waiver: {result.status}", result.evidence]))
    return replace(result, status=Status.WAIVED, evidence=evidence)
