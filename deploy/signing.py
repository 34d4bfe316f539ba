"""Signatures that people give any time after a deployment: kept in its journal's chain, told in its report."""

from __future__ import annotations

from collections.abc import Sequence
from getpass import getuser
from pathlib import Path

from deploy.checklists.item import Item
from deploy.checklists.person import is_person
from deploy.checklists.signoff import clash
from deploy.errors import ConfigError, GateClosed, nearest
from deploy.journal import Journal
from deploy.owed import PHASE, results
from deploy.record import LATEST, find, signoffs_of, write_record
from deploy.result import OPEN, Result, Status
from deploy.session import Session
from deploy.windows import owing


def sign(session: Session, item: str, by: str, note: str, identity: str | None = None) -> list[Path]:
    """Sign an item of a deployment (by default the one that owes windows, else the newest); the paths of its report.

    Raises ConfigError for an item that nobody signs, a name that names nobody, and a person who signs for two roles;
    GateClosed where what was seen does not hold: nobody can sign that away.
    """
    chosen = item_of(session, item)
    journal = journal_of(session, identity)
    refuse(session, journal, chosen, by)
    seen = [each for each in results(journal) if each.item == chosen.id]
    require_seen(session, chosen, seen)
    with session.holding(session.lock(journal.id)):
        journal = session.archive.open(journal)
        refuse(session, journal, chosen, by)  # somebody else may have signed in the meantime
        found = "; ".join(each.found for each in seen if each.found and chosen.probe)
        fields = {"by": by.strip(), "note": note, "role": chosen.role, "seen": found, "user": getuser()}
        journal.append("signed", item=chosen.id, **fields)
        return write_record(session, session.of(journal), journal, session.gate())


def item_of(session: Session, item: str) -> Item:
    known = session.checklist.by_id
    if item not in known:
        raise ConfigError(f"the checklist has no item {item!r}", where="ITEM", fix=nearest(item, known))
    if not known[item].signoff:
        fix = "To let it pass, write a waiver."
        raise ConfigError(f"{item!r} is proven by a probe, not signed", where="ITEM", fix=fix)
    return known[item]


def journal_of(session: Session, identity: str | None) -> Journal:
    """The deployment that is signed for."""
    if identity:
        return find(session, identity)
    return owing(session) or find(session, LATEST)


def refuse(session: Session, journal: Journal, item: Item, by: str) -> None:
    """ConfigError for a signature that cannot count, whatever was seen."""
    if not is_person(by):
        raise ConfigError(f"{by!r} names nobody", where="--by", fix="Write who signs.")
    given = signoffs_of(journal)
    before = next((each for each in given if each.item == item.id), None)
    if before:
        told = f"signed already, by {before.by} at {before.at:%Y-%m-%d %H:%M} UTC"
        raise ConfigError(f"{item.id} is {told}", where=journal.id)
    told = clash(item, by, given, session.checklist.by_id)
    if told:
        raise ConfigError(told, where="--by", fix="Two roles need two people.")


def require_seen(session: Session, item: Item, seen: Sequence[Result]) -> None:
    """GateClosed where the item's own probe was not asked, or did not hold, when it was last judged."""
    again = f"Judge it again: {command(session, item)}"
    if any(each.status is Status.SKIPPED for each in seen):
        raise ConfigError(f"{item.id} does not apply in {session.environment.name}", where="ITEM")
    bad = next((each for each in seen if each.status in OPEN - {Status.PENDING}), None)
    if bad:
        raise GateClosed(f"{item.id} is {bad.status}: {bad.found}. Nobody can sign that away.\n  {again}")
    if item.probe and not seen:
        raise GateClosed(f"{item.id} was not judged yet, there is nothing to sign.\n  {again}")


def command(session: Session, item: Item) -> str:
    window = f" --window={item.due}" if item.due else ""
    task = item.phase if item.phase == PHASE else "validate.all"
    return f"invoke {task}{window} --env={session.environment.name}"
