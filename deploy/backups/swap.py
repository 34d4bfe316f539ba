"""Put a restored database in the place of the application's, by rename, and keep the one that it replaces.

What was reached is read off the databases themselves, so that a restore that was cut off anywhere is finished by
running it again:

    <name>_restore_<id> without the comment `verified`    half restored: dropped and made again
    <name>_restore_<id> with it                           complete: compared once more, then swapped
    <name> with the comment `restored …`                  swapped: done
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from deploy.backups import content
from deploy.backups.content import Connection
from deploy.backups.manifest import Manifest
from deploy.backups.proof import compared, restore_into, same_or_fail
from deploy.backups.scratch import (
    administrator,
    beside,
    create_like,
    described,
    drop_ours,
    refusals,
    remark,
    terminate,
    with_a_second_try,
)
from deploy.backups.store import Backups
from deploy.deployment import Deployment
from deploy.errors import StepFailed
from deploy.steps.base import Facts, Progress

OURS = "pipeline-deploy "
UNFINISHED = f"{OURS}restore of"
VERIFIED = f"{OURS}verified restore of"
RESTORED = f"{OURS}restored"
LISTS = frozenset({"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"})


class Restore:
    """One backup of one database put in production's place, on behalf of one deployment."""

    def __init__(self, deployment: Deployment, database: str, backup_id: str) -> None:
        self.deployment, self.database, self.backup_id = deployment, database, backup_id
        self.site, self.backups = deployment.site, Backups.of(deployment)
        self.dbname = self.site.dbname(database)
        self.fresh = beside(self.dbname, f"restore_{backup_id}")

    def mark(self, replaced: str) -> str:
        return f"{RESTORED} {self.backup_id} for {self.deployment.id}; replaced: {replaced}"

    def replaced(self) -> str | None:
        """The database that this restore has replaced, or None when it has not been done."""
        with administrator(self.site, self.database) as admin:
            comment = str((described(admin, self.dbname) or {}).get("comment") or "")
        found = re.search(re.escape(self.mark("")) + r"(\S+)", comment)
        return found[1] if found else None

    def run(self, progress: Progress) -> Facts:
        """Restore, verify, swap; what is true afterwards, whether this run did it or one before.

        `written_since` says how many rows more (or fewer) than the backup each table of the replaced database has.
        """
        manifest = self.backups.manifest(self.backup_id, self.database)
        replaced, seconds, uncopied = self.replaced(), 0.0, list[str]()
        if not replaced:
            seconds = self._prepare(manifest, progress)
            with administrator(self.site, self.database) as admin:
                uncopied = list(copy_settings(admin, self.dbname, self.fresh))
                progress.say(f"putting {self.fresh} in the place of {self.dbname}")
                replaced = self._swap(admin)
        else:
            self._reopen(replaced)
        return {
            "backup": self.backup_id,
            "replaced": replaced,
            "written_since": self._written_since(manifest, replaced),
            "uncopied": uncopied,
            "restored_seconds": seconds,
        }

    def _reopen(self, replaced: str) -> None:
        """Let people into the replaced database: a try that was cut off right after the swap has left it closed."""
        with administrator(self.site, self.database) as admin:
            if described(admin, replaced):
                allow_connections(admin, replaced, True)

    def _written_since(self, manifest: Manifest, replaced: str) -> dict[str, int]:
        """Counted after the swap, when nobody writes there any more and nobody has to wait for it."""
        with refusals(f"rows of {replaced}"), self.site.connect(self.database, dbname=replaced) as connection:
            found = content.counts(connection)
        before = {name: table.rows for name, table in manifest.tables.items()}
        names = sorted({*found, *before})
        written = {name: found.get(name, 0) - before.get(name, 0) for name in names}
        return {name: rows for name, rows in written.items() if rows}

    def _prepare(self, manifest: Manifest, progress: Progress) -> float:
        """The new database, complete and equal to the manifest; the seconds that pg_restore took."""
        with administrator(self.site, self.database) as admin:
            found = described(admin, self.fresh)
            if (
                found
                and str(found["comment"]).startswith(VERIFIED)
                and not compared(self.backups, manifest, self.fresh)
            ):
                return 0.0
            production = described(admin, self.dbname)
            if not production:
                raise StepFailed(f"there is no database {self.dbname} whose place {self.fresh} could take")
            owner, purpose = str(production["owner"]), f"{UNFINISHED} {self.backup_id}"
            with_a_second_try(
                lambda: drop_ours(self.site, self.database, admin, self.fresh, OURS),
                lambda: create_like(admin, self.dbname, self.fresh, owner, purpose),
            )
        progress.say(f"restoring backup {self.backup_id} into {self.fresh}")
        try:
            seconds = restore_into(self.backups, manifest, self.fresh)
            same_or_fail(self.backups, manifest, self.fresh)
        except StepFailed:
            self._drop_fresh()  # what is not the backup serves nobody, and takes the room of a whole database
            raise
        with refusals("statistics"), self.site.connect(self.database, dbname=self.fresh) as connection:
            connection.execute("ANALYZE")  # without them the first queries would be planned blindly
        with administrator(self.site, self.database) as admin:
            remark(admin, self.fresh, f"{VERIFIED} {self.backup_id}")
        return seconds

    def _drop_fresh(self) -> None:
        with administrator(self.site, self.database) as admin:
            drop_ours(self.site, self.database, admin, self.fresh, OURS)

    def _swap(self, admin: Connection) -> str:
        """Exchange the names in one transaction, while nobody can connect; the replaced database's new name."""
        production = described(admin, self.dbname)
        if not production:
            return self._second_half(admin)
        replaced = beside(self.dbname, f"replaced_{datetime.now(UTC):%Y%m%dT%H%M%S}")
        try:
            allow_connections(admin, self.dbname, False)
            terminate(admin, [self.dbname, self.fresh])
            with admin.transaction():
                rename(admin, self.dbname, replaced)
                rename(admin, self.fresh, self.dbname)
                remark(admin, self.dbname, self._comment(production["comment"], replaced))
        finally:
            # Whatever happened, whoever bears the name must be open: nothing is worse than a closed production.
            for name in (self.dbname, replaced):
                if not admin.closed and described(admin, name):
                    allow_connections(admin, name, True)
        return replaced

    def _second_half(self, admin: Connection) -> str:
        """The first rename was done, perhaps by hand, and not the second."""
        found = "SELECT max(datname) FROM pg_catalog.pg_database WHERE starts_with(datname, %s)"
        replaced = admin.execute(found, [beside(self.dbname, "replaced_")]).fetchall()[0][0]
        if not replaced:
            raise StepFailed(f"neither {self.dbname} nor one that was replaced by name is there")
        with admin.transaction():
            rename(admin, self.fresh, self.dbname)
            remark(admin, self.dbname, self._comment(None, replaced))
        allow_connections(admin, replaced, True)
        return str(replaced)

    def _comment(self, own: str | None, replaced: str) -> str:
        """What people wrote there, and our mark below it."""
        lines = [line for line in (own or "").splitlines() if not line.startswith(RESTORED)]
        return "\n".join([*lines, self.mark(replaced)])


def allow_connections(admin: Connection, dbname: str, allowed: bool) -> None:
    statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    admin.execute(statement.format(sql.Identifier(dbname), sql.Literal(allowed)))


def rename(admin: Connection, old: str, new: str) -> None:
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(old), sql.Identifier(new)))


def copy_settings(admin: Connection, source: str, target: str) -> Iterator[str]:
    """Give `target` the limits, settings and rights of `source`; yields each statement that was refused."""
    facts = described(admin, source)
    if not facts:
        return  # taken away already, and copied before that
    for statement in [*_limits(facts, target), *_settings(admin, facts, target), *_rights(admin, facts, target)]:
        try:
            admin.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            yield statement.as_string(admin)


def _limits(facts: Mapping[str, Any], target: str) -> Iterator[sql.Composed]:
    limit = sql.Literal(facts["datconnlimit"])
    yield sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(sql.Identifier(target), limit)


def _settings(admin: Connection, facts: Mapping[str, Any], target: str) -> Iterator[sql.Composed]:
    rows = admin.execute(
        "SELECT CASE setrole WHEN 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(setrole) END, unnest(setconfig)"
        " FROM pg_catalog.pg_db_role_setting WHERE setdatabase = %s",
        [facts["oid"]],
    ).fetchall()
    for role, setting in rows:
        name, _, value = setting.partition("=")
        whom = sql.SQL("ALTER DATABASE {}").format(sql.Identifier(target))
        if role:
            whom = sql.SQL("ALTER ROLE {} IN DATABASE {}").format(sql.Identifier(role), sql.Identifier(target))
        # A name like `my.setting` has a dot that is no separator of ours: each part is quoted by itself.
        yield sql.SQL("{} SET {} TO {}").format(whom, sql.Identifier(*name.split(".")), _value(name, value))


def _value(name: str, value: str) -> sql.Composable:
    """A list is kept as it would be typed, `"$user", public`, and must be given item by item."""
    if name not in LISTS:
        return sql.Literal(value)
    items = [quoted.replace('""', '"') or bare for quoted, bare in re.findall(r'"((?:[^"]|"")*)"|([^,\s]+)', value)]
    return sql.SQL(", ").join(map(sql.Literal, items)) if items else sql.Literal("")


def _rights(admin: Connection, facts: Mapping[str, Any], target: str) -> Iterator[sql.Composed]:
    if facts["datacl"] is None:
        return
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(target))
    rows = admin.execute(
        "SELECT CASE grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(grantee) END, privilege_type, is_grantable"
        " FROM pg_catalog.pg_database, LATERAL pg_catalog.aclexplode(datacl) WHERE oid = %s",
        [facts["oid"]],
    ).fetchall()
    for grantee, privilege, grantable in rows:
        yield sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
            sql.SQL(privilege),
            sql.Identifier(target),
            sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC"),
            sql.SQL(" WITH GRANT OPTION" if grantable and grantee else ""),
        )
