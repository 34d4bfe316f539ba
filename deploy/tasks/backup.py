"""`invoke backup.*`: dumps that count only when they were restored and compared."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command, confirmed, emit, is_dry, opened
from deploy.tasks.running import run_phase, shown


@command()
def create(context: Context, system: str | None = None, env: str | None = None, by: str = "") -> None:
    """Dump the databases, restore the dump into a scratch database, compare, and keep the receipt."""
    run_phase(context, "backup", None, system, env, by=by)


@command(name="list", default=True)
def list_(context: Context, system: str | None = None, env: str | None = None, format: str = "text") -> None:
    """The backups there are, newest first, and which of them count."""
    from deploy import safekeeping

    emit(safekeeping.show(opened(system, env), format))


@command(id="which backup (default: the newest)", restore="restore it again for a fresh receipt")
def verify(
    context: Context, id: str | None = None, system: str | None = None, env: str | None = None, restore: bool = False
) -> None:
    """Read a backup again: every file's sha256, its contents list, its receipt; with --restore prove it anew."""
    from deploy import safekeeping

    session = opened(system, env, start=True)
    with shown(session) as view:
        safekeeping.verify(session, id, restore, view)


@command(id="which backup to restore", force="do not ask")
def restore(
    context: Context, id: str, system: str | None = None, env: str | None = None, by: str = "", force: bool = False
) -> None:
    """Restore a backup into a new database, verify it, and swap it in; the replaced database is kept."""
    from deploy import safekeeping

    session = opened(system, env)
    if is_dry(context):
        emit(safekeeping.restore_plan(session, id))
        return
    if not force:
        confirmed(f"Replace the databases of {session.environment.name} by backup {id}?", "--force")
    with shown(session) as view:
        safekeeping.restore_backup(session, id, by, view)


@command()
def prune(context: Context, system: str | None = None, env: str | None = None) -> None:
    """Remove backups that no retention rule and no rollback needs; `invoke --dry backup.prune` only tells."""
    from deploy import safekeeping

    emit(safekeeping.prune(opened(system, env), dry=is_dry(context)))


@command(at="when, as cron writes it", remove="take the schedule away")
def schedule(
    context: Context,
    at: str = "30 2 * * *",
    system: str | None = None,
    env: str | None = None,
    remove: bool = False,
) -> None:
    """Have backups made regularly by cron; running it again changes nothing."""
    from deploy import safekeeping

    emit(safekeeping.schedule(opened(system, env), at, remove, dry=is_dry(context)))


def collection() -> Collection:
    return Collection("backup", create, list_, verify, restore, prune, schedule)
