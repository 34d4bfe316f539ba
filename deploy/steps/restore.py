"""The database as it was before the deployment: restored beside, verified, and put in place by rename."""

from __future__ import annotations

from deploy.backups.proof import restore_script
from deploy.backups.swap import Restore
from deploy.command import Command, Statement
from deploy.deployment import Deployment
from deploy.steps.base import Facts, Progress, Step


def restore(deployment: Deployment, database: str, backup_id: str, progress: Progress) -> Facts:
    """Put a backup in the place of a database, on behalf of `deployment`; running it again finishes or changes nothing.

    Returns `backup`, `replaced` (the name under which the former database is kept), `written_since` (rows more, or
    fewer, than the backup, by table), `uncopied` (statements for settings and rights that the administrator may not
    repeat) and `restored_seconds`. Raises ConfigError without DATABASE_ADMIN_URL or without such a backup; StepFailed,
    with production as it was, when the backup is damaged, the copy differs, or PostgreSQL refuses.
    """
    return Restore(deployment, database, backup_id).run(progress)


class RestoreStep(Step):
    """The way back of `migrate` and `load` where the data cannot stay: this deployment's own backup, in place again.

    In a flow's rollback it is undone like the steps that it stands for: so `undo` is what restores, as `do` does.
    """

    name = "restore"
    title = "restore the database"
    touches = True

    @property
    def databases(self) -> list[str]:
        """Those that the deployment can have changed; all that are backed up where the system does not say."""
        system = self.deployment.system
        changed = {part.database for part in (system.migrations, system.load) if part}
        return [database for database in system.backup.databases if database in changed or not changed]

    def plan(self) -> list[Command]:
        return [
            command for database in self.databases for command in plan(self.deployment, database, self.deployment.id)
        ]

    def done(self) -> bool:
        return all(Restore(self.deployment, name, self.deployment.id).replaced() for name in self.databases)

    def do(self, progress: Progress) -> Facts:
        found = {name: restore(self.deployment, name, self.deployment.id, progress) for name in self.databases}
        return {"databases": found}

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        return self.do(progress)

    def undo_plan(self) -> list[Command]:
        return self.plan()


def plan(deployment: Deployment, database: str, backup_id: str) -> list[Command]:
    """The restore as data. The comparison with the manifest, between the restore and the swap, is ours to do."""
    work = Restore(deployment, database, backup_id)
    site, old, new = deployment.site, work.dbname, work.fresh
    owner = f"SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = '{old}' \\gset"
    make = f'{owner}\nCREATE DATABASE "{new}" OWNER :"owner" TEMPLATE template0;'
    data = work.backups.place(backup_id).data(database)
    swap = f"""\
SELECT '{old}_replaced_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS') AS replaced \\gset
ALTER DATABASE "{old}" ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('{old}', '{new}') AND usename IS NOT NULL;
BEGIN;
ALTER DATABASE "{old}" RENAME TO :"replaced";
ALTER DATABASE "{new}" RENAME TO "{old}";
COMMIT;
ALTER DATABASE :"replaced" ALLOW_CONNECTIONS true;"""
    return [
        Statement(database, make, admin=True, note=f"a new database beside {old}"),
        restore_script(site, database, work.backups.jobs, data, new),
        Statement(database, swap, admin=True, note="compared with the manifest, then swapped in; the old one is kept"),
    ]
