"""Sign-offs: what only a person can say holds, from a file or asked at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from deploy import plain, yamlfile
from deploy.checklists.item import Item
from deploy.checklists.person import is_person
from deploy.errors import ConfigError, nearest, together
from deploy.result import Result, Status
from deploy.yamlfile import Document


@dataclass(frozen=True)
class SignOff:
    """Who says that an item holds, when (UTC), and what they want noted."""

    item: str
    by: str
    at: datetime
    note: str = ""


def awaiting(item: Item, evidence: Result | None = None) -> Result:
    """How a sign-off stands before anybody signs: pending.

    `evidence` is the result of the item's own probe: a pass is shown to the person who signs; anything else stands, for
    nobody can sign away what was seen to fail or could not be seen.
    """
    asked = item.note or "a person signs this"
    if evidence is None:
        return Result(
            item.id, item.title, item.phase, item.severity, Status.PENDING, asked, "not signed",
            action=item.action, due=item.due,
        )  # fmt: skip
    return replace(evidence, status=Status.PENDING) if evidence.status is Status.PASS else evidence


def apply(results: Iterable[Result], signoffs: Iterable[SignOff]) -> list[Result]:
    """The results, those that are pending and signed as `pass`, with who signed, when, and their note."""
    by_item = {signoff.item: signoff for signoff in signoffs}
    return [_signed(result, by_item.get(result.item)) for result in results]


def _signed(result: Result, signoff: SignOff | None) -> Result:
    if signoff is None or result.status is not Status.PENDING:
        return result
    seen = "" if result.found == "not signed" else f"; {result.found}"
    found = f"signed by {signoff.by} at {signoff.at:%Y-%m-%d %H:%M} UTC{seen}"
    evidence = "\n".join(filter(None, [signoff.note, result.evidence]))
    return replace(result, status=Status.PASS, found=found, evidence=evidence)


def clash(item: Item, by: str, given: Iterable[SignOff], items: Mapping[str, Item]) -> str:
    """Why this person may not sign an item: they signed for another role already; empty where they may."""
    for each in given:
        role = items[each.item].role if each.item in items else ""
        if item.role and role and role != item.role and same_person(each.by, by):
            return f"{each.by} signed as {role}; {item.role} must be somebody else"
    return ""


def same_person(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _moment(value: object) -> object:
    """A moment in UTC; a day alone is its beginning, a time without a zone is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("should be a moment like 2026-12-31 17:00") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    item: str
    by: str
    at: Annotated[datetime | None, BeforeValidator(_moment)] = None
    note: str = ""


class _File(BaseModel):
    signoffs: tuple[_Entry, ...]


def load(path: Path, items: Iterable[Item], now: datetime) -> list[SignOff]:
    """The sign-offs of a YAML file, a list of {item, by, at?, note?}; `at` is `now` where it is not given.

    Raises ConfigError, with all complaints: for an item that does not exist (with the nearest) or that no person signs,
    for a placeholder instead of a name, for a moment that has not come.
    """
    document = yamlfile.load(path)
    if not isinstance(document.data, list):
        raise ConfigError("no list", where=document.where(()), fix="Write a list: `- {item: …, by: …, note: …}`.")
    lines = {("signoffs", *place): line for place, line in document.lines.items()}
    entries = yamlfile.build(_File, Document({"signoffs": document.data}, lines, document.name)).signoffs
    by_id = {item.id: item for item in items}
    given = [SignOff(entry.item, entry.by.strip(), entry.at or now, entry.note) for entry in entries]
    problems = [
        ConfigError(flaw, where=document.where((index, key)), fix=fix)
        for index, entry in enumerate(entries)
        for key, flaw, fix in [*_flaws(entry, by_id, now), *_clashes(given[index], given[:index], by_id)]
    ]
    if problems:
        raise together(problems)
    return given


def _flaws(entry: _Entry, items: Mapping[str, Item], now: datetime) -> list[tuple[str, str, str]]:
    """What is wrong with an entry: under which key, what, and how to mend it."""
    flaws = []
    if entry.item not in items:
        flaws.append(("item", f"the checklist has no item {entry.item!r}", nearest(entry.item, items)))
    elif not items[entry.item].signoff:
        flaws.append(("item", f"{entry.item!r} is proven by a probe, not signed", "To let it pass, write a waiver."))
    if not is_person(entry.by):
        flaws.append(("by", f"{entry.by!r} names nobody", "Write who signs."))
    if entry.at and entry.at > now:
        flaws.append(("at", "this moment has not come", "Write when it was signed, or leave `at` out."))
    return flaws


def _clashes(one: SignOff, before: Sequence[SignOff], items: Mapping[str, Item]) -> list[tuple[str, str, str]]:
    told = clash(items[one.item], one.by, before, items) if one.item in items else ""
    return [("by", told, "Two roles need two people.")] if told else []


def ask_for(
    results: Sequence[Result], ask: Callable[[str], str] = input, terminal: bool | None = None
) -> list[SignOff]:
    """Ask the person at the terminal to sign what is pending; nobody is asked where there is no terminal.

    An empty name leaves an item open; the end of input leaves all that remain open.
    """
    if not (sys.stdin.isatty() if terminal is None else terminal):
        return []
    signed = []
    for result in results:
        if result.status is Status.PENDING:
            try:
                signoff = _ask(result, ask)
            except EOFError:
                break
            signed += [signoff] if signoff else []
    return signed


def _ask(result: Result, ask: Callable[[str], str]) -> SignOff | None:
    seen = [f"  {row}" for text in (result.found, result.evidence) for row in plain.lines(text)]
    prompt = "\n".join([f"Sign-off: {plain.line(result.title)}", *seen, "  Signed by (empty leaves it open): "])
    name = ask(prompt).strip()
    while name and not is_person(name):
        name = ask("  That names nobody. Signed by: ").strip()
    if not name:
        return None
    return SignOff(result.item, name, datetime.now(UTC), ask("  Note: ").strip())
