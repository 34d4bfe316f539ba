"""Incidents: what people still have to write down about a deployment that went wrong, and when one is closed."""

from __future__ import annotations

from pathlib import Path

from deploy.checklists.person import is_person
from deploy.errors import ConfigError
from deploy.journal import Journal
from deploy.record import LATEST, build, find, folder_of, incident_of
from deploy.reports.incident import Incident
from deploy.session import Session


def close(session: Session, identity: str, by: str) -> list[Path]:
    """Close the incident of a deployment; the paths of its reports, written anew.

    Raises ConfigError while a field is empty, naming all of them, and when nobody closes it or it is closed already.
    """
    found = chosen(session, identity)
    known = incident_of(session, session.of(found), found)
    where = str(folder_of(session, found.id) / "incident.md")
    refuse_unfinished(known, where)
    who = by or session.environment.operator or ""
    if not is_person(who):
        raise ConfigError(f"{who!r} names nobody", where="--by", fix="Write who closes the incident.")
    with session.lock(found.id):
        session.archive.open(found).append("incident.closed", by=who, fields=known.written)
    return build(session, found.id)


def chosen(session: Session, identity: str) -> Journal:
    """The journal of a deployment that has an incident; `latest` is the newest one."""
    if identity == LATEST:
        failed = [each for each in session.archive.journals() if each.last("rollback.started")]
        identity = failed[-1].id if failed else identity
    journal = find(session, identity)
    if not journal.last("rollback.started"):
        raise ConfigError(f"{journal.id} went well, it has no incident", where=session.environment.name)
    return journal


def refuse_unfinished(known: Incident, where: str) -> None:
    if known.closed:
        raise ConfigError(f"the incident is closed already, {known.closed}", where=where)
    if known.missing:
        names = ", ".join(known.missing)
        raise ConfigError(f"still to be filled in: {names}", where=where, fix="Write below these headings, then again.")
    if not is_person(known.written["Owner"]):
        raise ConfigError(
            f"Owner: {known.written['Owner']!r} names nobody", where=where, fix="Write whose task this is."
        )


def show(session: Session, identity: str) -> str:
    """Where an incident stands: its file, and what is still missing in it."""
    journal = chosen(session, identity)
    known = incident_of(session, session.of(journal), journal)
    where = folder_of(session, journal.id) / "incident.md"
    state = f"closed {known.closed}" if known.closed else f"open; to fill in: {', '.join(known.missing) or 'nothing'}"
    return f"{journal.id}: {state}\n  {where}"
