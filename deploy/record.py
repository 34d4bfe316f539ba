"""What a deployment leaves for people, written from its journal: a report, and an incident when it went wrong.

Both come as Markdown and as a page: report.md and report.html, incident.md and incident.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from deploy import durable, hours
from deploy.checklists.signoff import SignOff
from deploy.checklists.signoff import apply as sign
from deploy.checklists.ticked import ticked
from deploy.deployment import Deployment
from deploy.errors import ConfigError, nearest
from deploy.gate import Gate
from deploy.journal import Journal, Record, read
from deploy.owed import results, signatures, signed_off, told, windows
from deploy.passage import phases
from deploy.reports import html, incident, markdown
from deploy.result import Result, Status
from deploy.session import Session, outcome

SAYS = {
    "succeeded": "Deployed",
    "rolled back": "Rolled back",
    "stopped": "Stopped before production was touched",
    "open": "Not finished",
}
SIGNED = re.compile(r"signed by (?P<by>.+?) at (?P<at>\d{4}-\d\d-\d\d \d\d:\d\d UTC)")
LATEST = "latest"
DRAWN = 20  # deployments whose durations are drawn


def write_record(session: Session, deployment: Deployment, journal: Journal, gate: Gate) -> list[Path]:
    """Write the report, and after a failure the incident; their paths. Both are made anew from the whole journal.

    Of an incident.md that is there already, what people wrote in its fields is kept.
    """
    folder = folder_of(session, deployment.id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    known = deployment_record(session, deployment, journal, gate)
    made = {"report.md": lambda: markdown.report(known), "report.html": lambda: html.report(known)}
    if journal.last("rollback.started"):
        failed = incident_of(session, deployment, journal)
        made |= {"incident.md": lambda: incident.report(failed), "incident.html": lambda: html.incident(failed)}
    for name in sorted(made, key=lambda name: name.endswith(".html")):  # pages last: the plain texts need the least
        durable.replace(folder / name, made[name]())
    return [folder / name for name in made]


def folder_of(session: Session, deployment: str) -> Path:
    """Where the reports of a deployment lie."""
    return session.control.folder / "reports" / deployment


def find(session: Session, identity: str) -> Journal:
    """The journal of a deployment, by its id, the beginning or end of it, or LATEST; ConfigError unless it is one."""
    paths = session.archive.paths()
    fitting = paths if identity == LATEST else [path for path in paths if named(path.stem, identity)]
    found = list(islice(deployments(reversed(fitting)), 2))
    if not found or (identity != LATEST and len(found) > 1):
        many = f"several deployments fit {identity!r}" if found else f"there is no deployment {identity!r}"
        raise ConfigError(many, where=session.environment.name, fix=nearest(identity, [path.stem for path in paths]))
    return found[0]


def named(stem: str, identity: str) -> bool:
    return stem.startswith(identity) or stem.endswith(identity)


def deployments(paths: Iterable[Path]) -> Iterator[Journal]:
    """The journals that tell of a deployment; those of a backup's restore do not."""
    for path in paths:
        journal = read(path)
        if journal.records and "deployment" in journal.records[0] and "backup" not in journal.records[0]:
            yield journal


def known(session: Session, identity: str) -> markdown.DeploymentRecord:
    """What is known of a deployment that was, as its report tells it."""
    journal = find(session, identity)
    return deployment_record(session, session.of(journal), journal, session.gate())


def build(session: Session, identity: str) -> list[Path]:
    """Write the reports of a deployment again; their paths."""
    journal = find(session, identity)
    return write_record(session, session.of(journal), journal, session.gate())


def deployment_record(
    session: Session, deployment: Deployment, journal: Journal, gate: Gate
) -> markdown.DeploymentRecord:
    opened, last = journal.records[0], journal.last("closed") or journal.records[-1]
    how, found = outcome(journal), results(journal)
    version = f"{deployment.release} ({deployment.ref})"
    earlier = [each for each in earlier_than(session, journal.id) if outcome(each) == "succeeded"]
    return markdown.DeploymentRecord(
        deployment=deployment.id,
        system=session.system.title,
        environment=session.environment.name,
        version=version,
        outcome=f"{SAYS[how]}: {session.system.title} {version} in {session.environment.name}",
        by=opened["by"],
        started=datetime.fromisoformat(opened["at"]),
        ended=datetime.fromisoformat(last["at"]),
        previous=deployment.previous or "",
        phases=list(phases_now(journal)),
        checklist=ticked(gate.checklist, found),
        signoffs=[signed(each) for each in signoffs_of(journal, gate.signoffs)],
        backups=list(backups(deployment)),
        migrations=list(migrations(deployment)),
        notes=[*notes(journal), *owed(session, journal)],
        failures=[record["reason"] for record in journal.all("failed")],
        signoffs_hold=gate.holds,
        how=how,
        hosts=dict(session.environment.hosts),
        versions={"Commit": deployment.commit, "Deployed from": str(opened.get("host", ""))},
        before=results(earlier[-1]) if earlier else [],
        durations=[seconds(each) for each in [*earlier, journal][-DRAWN:]],
        incident="incident.html" if journal.last("rollback.started") else "",
    )


def phases_now(journal: Journal) -> Iterator[markdown.PhaseRecord]:
    """The phases with the signatures given since; of a window that was judged several times, the newest."""
    found = list(phases(journal))
    newest = {phase.window: number for number, phase in enumerate(found) if phase.window}
    for number, phase in enumerate(found):
        if newest.get(phase.window, number) == number:
            yield replace(phase, results=sign(phase.results, signatures(journal)))


def signoffs_of(journal: Journal, more: Iterable[SignOff] = ()) -> list[SignOff]:
    """Every sign-off of a deployment once: those in its journal, `more` that were just given, those of its results."""
    given = list(dict.fromkeys([*signatures(journal), *more]))
    return [*given, *signed_before(results(journal), given)]


def earlier_than(session: Session, identity: str) -> list[Journal]:
    """The latest deployments before one, the oldest first; none where an old journal is not readable any more."""
    paths = [path for path in session.archive.paths() if path.stem < identity]
    try:
        return list(deployments(paths[-2 * DRAWN :]))
    except ConfigError:
        return []  # told by `deploy.history --verify`; the report of what was done now is written all the same


def seconds(journal: Journal) -> float:
    """How long a deployment took, up to its end; what came later (windows, sign-offs) does not count."""
    began, last = journal.records[0], journal.last("closed") or journal.records[-1]
    return (datetime.fromisoformat(last["at"]) - datetime.fromisoformat(began["at"])).total_seconds()


def signed(signoff: SignOff) -> dict[str, Any]:
    return {"item": signoff.item, "by": signoff.by, "at": f"{signoff.at:%Y-%m-%d %H:%M} UTC", "note": signoff.note}


def signed_before(found: Iterable[Result], given: Iterable[SignOff]) -> Iterator[SignOff]:
    """The sign-offs that only the results tell of, when a report is written again later."""
    told = {each.item for each in given}
    for result in found:
        signature = SIGNED.match(result.found)
        if signature and result.item not in told:
            at = datetime.strptime(signature["at"], "%Y-%m-%d %H:%M UTC").replace(tzinfo=UTC)
            yield SignOff(result.item, signature["by"], at)


def backups(deployment: Deployment) -> Iterator[dict[str, Any]]:
    for database, facts in deployment.facts.get("backup", {}).get("databases", {}).items():
        receipt = facts["receipt"]
        yield {
            "Database": database,
            "Backup": facts["path"],
            "Bytes": facts["bytes"],
            "Rows": facts["rows"],
            "Dumped in": f"{facts['seconds']:.1f} s",
            "Receipt": f"restored and compared: {receipt['tables']} tables, {receipt['rows']} rows, "
            f"{receipt['files']} files, {receipt['seconds']:.1f} s",
        }


def migrations(deployment: Deployment) -> Iterator[dict[str, Any]]:
    """What was rehearsed and applied, with its class, the time it took on the copy, and the locks it took."""
    for row in deployment.facts.get("rehearse", {}).get("migrations", []):
        applied = row["name"] in deployment.facts.get("migrate", {}).get("applied", [])
        yield {
            "Migration": row["name"],
            "Class": row["class"],
            "Rehearsed in": f"{row['seconds']:.2f} s",
            "Locks": ", ".join(row["locks"]) or "none",
            "Applied": "yes" if applied else "no",
        }


def notes(journal: Journal) -> Iterator[str]:
    """What people must know: databases kept aside, and rows that were written since the backup."""
    for record in journal.all("undo.done", step="restore"):
        for database, facts in record["facts"].get("databases", {}).items():
            written = ", ".join(f"{table} {rows:+d}" for table, rows in facts["written_since"].items()) or "none"
            yield f"The former database {database} is kept as {facts['replaced']}; rows since the backup: {written}."
    for record in journal.all("step.done", step="rehearse"):
        yield from kept_by_a_rollback(record["facts"])
    for record in journal.all("step.done", step="load"):
        if record["facts"].get("samples"):
            yield f"Samples of what was loaded, for people to judge: {record['facts']['samples']}"


def owed(session: Session, journal: Journal) -> Iterator[str]:
    """How the windows that a deployment owes stand, and whether it is signed off."""
    clock = partial(hours.clock, session.environment.hours)
    found = windows(journal, session.checklist, holds=session.environment.signoffs == "hold")
    for window in found:
        yield f"Window {window.window}: {told(window.row(), clock)}."
    if found:
        at = signed_off(found)
        yield f"Signed off at {clock(at)}." if at else "Not signed off yet: the last window is owed."


def kept_by_a_rollback(facts: Mapping[str, Any]) -> Iterator[str]:
    """Up to which migration a rollback keeps the rows that are written from now on."""
    classes = facts.get("classes", {})
    first = next((name for name, kind in classes.items() if kind == "restore-only"), None)
    if first:
        yield f"From {first} on, a rollback restores the backup; rows written since stay in the replaced database."
    elif classes:
        yield f"A rollback keeps the rows written since, over all migrations up to {facts['keeps_data_up_to']}."


def incident_of(session: Session, deployment: Deployment, journal: Journal) -> incident.Incident:
    failed = journal.last("failed") or journal.last("rollback.started")
    assert failed, "an incident is written after a failure or a rollback"
    holds = session.environment.signoffs == "hold"  # elsewhere nobody is going to sign, and that is no incident
    closing, written = journal.last("incident.closed"), folder_of(session, deployment.id) / "incident.md"
    return incident.Incident(
        deployment=deployment.id,
        system=session.system.title,
        environment=session.environment.name,
        version=f"{deployment.release} ({deployment.ref})",
        what=failed["reason"],
        at=datetime.fromisoformat(failed["at"]),
        records=list(timeline(journal)),
        results=[each for each in results(journal) if holds or each.status is not Status.PENDING],
        steps=list(taken(journal)),
        recovery=recovery(journal, failed),
        fields=incident.fields(written.read_text(encoding="utf-8", errors="replace")) if written.exists() else {},
        closed=f"by {closing['by']} on {closing['at'][:16].replace('T', ' ')} UTC" if closing else "",
        commands=[] if outcome(journal) != "open" else [f"invoke rollback --env={session.environment.name}"],
    )


def recovery(journal: Journal, failed: Record) -> str:
    """From the failure to the end of the way back; empty while that is not reached."""
    closed = journal.last("closed", outcome="rolled back")
    if not closed:
        return ""
    took = datetime.fromisoformat(closed["at"]) - datetime.fromisoformat(failed["at"])
    return f"{html.span(took.total_seconds())}, from the failure to the end of the rollback"


def timeline(journal: Journal) -> Iterator[Record]:
    """The journal without what stands elsewhere in the incident."""
    for record in journal.records:
        kept = {key: value for key, value in record.items() if key not in ("facts", "after", "phases", "token")}
        yield kept | {"at": f"{datetime.fromisoformat(record['at']).astimezone(UTC):%H:%M:%S.%f}"[:12]}


def taken(journal: Journal) -> Iterator[str]:
    started = journal.last("rollback.started")
    if started:
        yield f"Rollback begun ({'by itself' if started['automatic'] else 'by a person'}); database: {started['way']}"
    for record in journal.all("undo.done"):
        yield f"Undone: {record['step']}"
    for record in journal.all("undo.failed"):
        yield f"Could not be undone: {record['step']}: {record['error']}"
