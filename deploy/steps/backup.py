"""A backup of production that counts, before anything is changed."""

from __future__ import annotations

import shlex
from typing import Any

from deploy.backups.dump import create, finish_script, plan_script, room_script, sums_script
from deploy.backups.manifest import Receipt
from deploy.backups.proof import prove, restore_script
from deploy.backups.scratch import SCRATCH, administrator, described, drop_leftovers, drop_scratch, owner_of
from deploy.backups.store import HOST, BackupInfo, Backups
from deploy.command import Command, Script, Statement
from deploy.errors import StepFailed
from deploy.steps.base import Facts, Progress, Step


class BackupStep(Step):
    """Dump each database, restore it into a scratch database, compare, and write the receipt.

    The scratch databases stay for the rehearsal of migrations and the tests of the release; `settle` and `undo` drop
    them. The backup itself is never taken back.
    """

    name = "backup"
    title = "back up and prove it"
    touches = False

    @property
    def backups(self) -> Backups:
        return Backups.of(self.deployment)

    @property
    def purpose(self) -> str:
        return f"deployment {self.deployment.id}"

    def plan(self) -> list[Command]:
        backups, partial = self.backups, self.backups.place(self.deployment.id, partial=True)
        make = f"mkdir -p -m 700 {shlex.quote(str(partial.backups))}"
        commands: list[Command] = [Script(make, on=HOST, note="a folder of our own"), room_script(partial)]
        for database in backups.databases:
            commands += [plan_script(backups, partial, database), sums_script(partial.data(database))]
        commands.append(finish_script(partial))
        return commands + [command for database in backups.databases for command in self._proof_plan(database)]

    def _proof_plan(self, database: str) -> list[Command]:
        backups, scratch = self.backups, self.deployment.scratch(database)
        make = (
            f'CREATE DATABASE "{scratch}" OWNER "{owner_of(backups.site, database)}" TEMPLATE template0;\n'
            f"COMMENT ON DATABASE \"{scratch}\" IS '{SCRATCH} {self.purpose}';"
        )
        data = backups.place(self.deployment.id).data(database)
        return [
            Statement(
                database, make, admin=True, note="a scratch database for the proof, which is counted and compared"
            ),
            restore_script(backups.site, database, backups.jobs, data, scratch),
        ]

    def undo_plan(self) -> list[Command]:
        return [
            Statement(
                database,
                f'DROP DATABASE IF EXISTS "{self.deployment.scratch(database)}" WITH (FORCE)',
                admin=True,
                note="the scratch database goes, the backup stays",
            )
            for database in self.backups.databases
        ]

    def done(self) -> bool:
        made = self._made()
        return all(
            database in made and made[database].verified and self._ready(database)
            for database in self.backups.databases
        )

    def _made(self) -> dict[str, BackupInfo]:
        return {info.database: info for info in self.backups.catalogue() if info.id == self.deployment.id}

    def _ready(self, database: str) -> bool:
        """Whether the scratch database is there, made for this deployment."""
        with administrator(self.deployment.site, database) as admin:
            found = described(admin, self.deployment.scratch(database))
        return bool(found) and (found or {}).get("comment") == f"{SCRATCH} {self.purpose}"

    def do(self, progress: Progress) -> Facts:
        drop_leftovers(self.deployment)
        if not self._made():
            self._create(progress)
        receipts = {database: self._prove(database, progress) for database in self.backups.databases}
        made = self._made()
        return {
            "databases": {database: facts(made[database], receipts[database]) for database in self.backups.databases}
        }

    def _create(self, progress: Progress) -> None:
        id, release = self.deployment.id, self.deployment.previous or ""
        create(self.backups, id, release=release, deployment=id, progress=progress)

    def _prove(self, database: str, progress: Progress) -> Receipt:
        scratch, purpose = self.deployment.scratch(database), self.purpose
        return prove(self.backups, self.deployment.id, database, scratch=scratch, purpose=purpose, progress=progress)

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        return {"dropped": drop_scratch(self.deployment)}

    def settle(self) -> Facts:
        return {"dropped": drop_scratch(self.deployment)}


def facts(info: BackupInfo, receipt: Receipt) -> dict[str, Any]:
    """What the journal keeps of one backup, JSON-ready."""
    manifest = info.manifest
    if not manifest:
        raise StepFailed(f"{info.path}: {info.problem}")
    return {
        "id": info.id,
        "path": info.path,
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "seconds": manifest.seconds,
        "receipt": receipt.model_dump(mode="json"),
    }
