"""What an operator does with backups: look at them, prove them again, restore one, prune, schedule."""

from __future__ import annotations

import json
from dataclasses import asdict

from deploy.backups.proof import prove_aside
from deploy.backups.proof import verify as flaws
from deploy.backups.retention import prune as pruned
from deploy.backups.schedule import Schedule, install, remove
from deploy.backups.store import BackupInfo, Backups
from deploy.command import paste
from deploy.errors import ConfigError, DeployError, GateClosed
from deploy.folders import PROJECT
from deploy.journal import Journal
from deploy.operate import Options, refuse_unfinished, taken, taken_over
from deploy.session import Session, new_id
from deploy.steps.processes import StopStep
from deploy.steps.restore import plan, restore
from deploy.view import View


def backups(session: Session) -> Backups:
    return Backups(session.site, session.system, session.layout)


def show(session: Session, format: str) -> str:
    """The backups, newest first, and why one does not count."""
    infos = backups(session).catalogue()
    if format == "json":
        return json.dumps([row(info) for info in infos], indent=2)
    if format != "text":
        raise ConfigError(f"no format {format!r} here", where="--format", fix="text or json")
    if not infos:
        return "There is no backup yet; `invoke backup.create` makes one."
    return "\n".join(line(info) for info in infos)


def row(info: BackupInfo) -> dict[str, object]:
    about = (
        info.manifest.model_dump(mode="json", include={"bytes", "rows", "seconds", "release"}) if info.manifest else {}
    )
    kept = {key: value for key, value in asdict(info).items() if key in ("id", "database", "path", "problem")}
    return {**kept, "verified": info.verified, **about}


def line(info: BackupInfo) -> str:
    size = f"{info.manifest.bytes / 1e6:9.2f} MB {info.manifest.rows:>9} rows" if info.manifest else ""
    return f"{info.id:<24} {info.database:<8} {size}  {'restored and compared' if info.verified else info.problem}"


def newest(session: Session, id: str | None) -> str:
    if id:
        return id
    infos = backups(session).catalogue()
    if not infos:
        raise ConfigError("there is no backup", fix="Make one: invoke backup.create")
    return infos[0].id


def verify(session: Session, id: str | None, again: bool, view: View) -> None:
    """Read a backup again, with `again` restore it too; raises GateClosed naming what is wrong."""
    chosen, store = newest(session, id), backups(session)
    problems = [f"{name}: {flaw}" for name in store.databases for flaw in flaws(store, chosen, name)]
    problems += [f"{i.database}: {i.problem}" for i in store.catalogue() if i.id == chosen and i.problem and not again]
    if problems:
        raise GateClosed("\n".join([f"Backup {chosen} cannot be relied on:", *problems]))
    if again:
        for name in store.databases:
            prove_aside(store, chosen, name, view.step("prove the backup again"))
    view.say(f"Backup {chosen}: every file is as it was written" + (", restored and compared again." if again else "."))


def restore_plan(session: Session, id: str) -> str:
    deployment = session.before(new_id())
    return "\n".join(paste(plan(deployment, name, id)) for name in backups(session).databases)


def restore_backup(session: Session, id: str, by: str, view: View) -> None:
    """Under lock and journal: stop the processes, put the backup in place, start them again.

    One that was cut off is finished by running it again. One that fails leaves production as it was.
    """
    operator = Options(by=by).operator(session)
    found = session.unfinished()
    if found and found.records[0].get("backup") == id:
        with taken_over(session, found, view) as lock:
            journal = session.archive.open(found)
            journal.append("resumed", by=operator, token=lock.token)
            _restore(session, journal, id, view)
        return
    identity = new_id()
    with session.holding(session.lock(identity)) as lock:
        refuse_unfinished(session)
        journal = Journal.create(
            session.archive,
            identity,
            system=session.system.name,
            environment=session.environment.name,
            ref=f"backup {id}",
            backup=id,
            commit="",
            release="",
            previous=None,
            phases=[],
            by=operator,
            token=lock.token,
        )
        _restore(session, journal, id, view)


def _restore(session: Session, journal: Journal, id: str, view: View) -> None:
    deployment = session.of(journal)
    stop, progress = StopStep(deployment), view.step("restore a backup")
    stopped = stop.before()
    journal.append("step.intended", phase="", step=stop.name, touches=False, before=stopped)
    stop.do(progress)
    how = "stopped"
    try:
        for name in backups(session).databases:
            journal.append("restore.intended", database=name, backup=id)
            facts = restore(deployment, name, id, progress)
            journal.append("restore.done", database=name, facts=facts)
            view.say(f"{name}: backup {id} is in place; the former database is kept as {facts['replaced']}.")
        how = "succeeded"
    except DeployError as error:
        journal.append("failed", reason=str(error), error=type(error).__name__)
        raise
    finally:
        stop.undo(stopped, progress)
        journal.append("closed", outcome=how)


def needed(session: Session) -> set[str]:
    """The backups that a rollback could need: those of the newest deployments that changed something and still hold."""
    journals = [journal for journal in reversed(session.archive.journals()) if taken(journal)]
    return {journal.id for journal in journals[: session.system.release.keep]}


def prune(session: Session, *, dry: bool) -> str:
    found = pruned(backups(session), needed(session), dry=dry)
    verb = "would be removed" if dry else "removed"
    lines = [f"{id}  kept: {why}" for id, why in found.kept.items()]
    return "\n".join([*lines, *(f"{id}  {verb}: {why}" for id, why in found.removed.items())]) or "There is no backup."


def schedule(session: Session, at: str, take_away: bool, *, dry: bool) -> str:
    """Install or remove the crontab line; `dry` only prints it, with a systemd timer where it is daily."""
    wanted = Schedule(session.system.name, session.environment.name, str(PROJECT), at)
    if dry:
        return wanted.crontab_line()
    if take_away:
        remove(session.site, wanted)
        return f"No longer scheduled: {wanted.command}"
    install(session.site, wanted)
    return f"Scheduled: {wanted.crontab_line()}"
