"""What a deployment leaves for people, written from its journal: report.md, and incident.md when it went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy import durable
from deploy.checklists.signoff import SignOff
from deploy.checklists.ticked import ticked
from deploy.deployment import Deployment
from deploy.gate import Gate
from deploy.journal import Journal, Record
from deploy.reports import incident, markdown
from deploy.result import Result, Severity, Status
from deploy.session import Session, outcome

SAYS = {
    "succeeded": "Deployed",
    "rolled back": "Rolled back",
    "stopped": "Stopped before production was touched",
    "open": "Not finished",
}


def write_record(session: Session, deployment: Deployment, journal: Journal, gate: Gate) -> list[Path]:
    """Write the report, and after a failure the incident; their paths. Both are made anew from the whole journal."""
    folder = session.control.folder / "reports" / deployment.id
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    told = {"report.md": markdown.report(deployment_record(session, deployment, journal, gate))}
    if journal.last("rollback.started"):
        told["incident.md"] = incident.report(incident_of(session, deployment, journal))
    for name, text in told.items():
        durable.replace(folder / name, text)
    return [folder / name for name in told]


def deployment_record(
    session: Session, deployment: Deployment, journal: Journal, gate: Gate
) -> markdown.DeploymentRecord:
    opened, last = journal.records[0], journal.records[-1]
    how = outcome(journal)
    version = f"{deployment.release} ({deployment.ref})"
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
        phases=list(phases(journal)),
        checklist=ticked(gate.checklist, results(journal)),
        signoffs=[signed(each) for each in gate.signoffs],
        backups=list(backups(deployment)),
        migrations=list(migrations(deployment)),
        notes=list(notes(journal)),
        signoffs_hold=gate.holds,
    )


def signed(signoff: SignOff) -> dict[str, Any]:
    return {"item": signoff.item, "by": signoff.by, "at": f"{signoff.at:%Y-%m-%d %H:%M} UTC", "note": signoff.note}


def phases(journal: Journal) -> Iterator[markdown.PhaseRecord]:
    """Each phase that was checked, in order, with what its steps changed."""
    for record in journal.all("checked"):
        done = [r["step"] for r in journal.all("step.done", phase=record["phase"])]
        already = [f"{r['step']} (already so)" for r in journal.all("step.already", phase=record["phase"])]
        undone = [r["step"] for r in journal.all("undo.done")] if record["phase"] == "rollback" else []
        change = ", ".join([*done, *already, *undone])
        found = [result_of(row) for row in record["results"]]
        yield markdown.PhaseRecord(record["phase"], record.get("took", 0.0), found, change)


def results(journal: Journal) -> list[Result]:
    """The newest results of every phase."""
    newest = {record["phase"]: record["results"] for record in journal.all("checked")}
    return [result_of(row) for rows in newest.values() for row in rows]


def result_of(row: Mapping[str, Any]) -> Result:
    """A result as the journal keeps it, back as a Result."""
    typed = {
        "severity": Severity(row["severity"]),
        "status": Status(row["status"]),
        "asked_at": datetime.fromisoformat(row["asked_at"]),
    }
    return Result(**{**row, **typed})


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
    for record in journal.all("failed"):
        yield f"Why it failed: {record['reason']}"


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
    return incident.Incident(
        deployment=deployment.id,
        system=session.system.title,
        environment=session.environment.name,
        version=f"{deployment.release} ({deployment.ref})",
        what=failed["reason"],
        at=datetime.fromisoformat(failed["at"]),
        records=list(timeline(journal)),
        results=results(journal),
        steps=list(taken(journal)),
        commands=[] if outcome(journal) != "open" else [f"invoke rollback --env={session.environment.name}"],
    )


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
