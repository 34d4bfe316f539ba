"""Airflow's own database: taken forward by its command line, and back only by its backup, never by a downgrade."""

from __future__ import annotations

from typing import Any

from deploy.command import Command, Run, Statement
from deploy.errors import ConfigError
from deploy.steps.base import Facts, Progress, Step
from deploy.steps.restore import plan as restore_plan
from deploy.steps.restore import restore
from deploy.steps.variables import workflows

REVISION = "SELECT to_regclass('alembic_version') IS NOT NULL"
TIMEOUT = 900.0


class MetadataStep(Step):
    """`airflow db migrate` in the new release; undone, the dump of this deployment's backup is put in its place."""

    name = "metadata"
    title = "take Airflow's metadata forward"

    @property
    def database(self) -> str:
        found = workflows(self).metadata
        if not found:
            where = f"{self.deployment.system.folder}/system.yaml"
            raise ConfigError("`workflows:` names no `metadata:` database", where=where)
        return found

    def _airflow(self, *words: str, exits: frozenset[int] = frozenset({0})) -> Run:
        api = self.deployment.environment.airflow
        if api is None or not api.cli:
            where = f"environments.{self.deployment.environment.name}.airflow"
            raise ConfigError("Airflow's command line is needed", where=where, fix="Give `cli:`.")
        note = "forward only: the way back is the backup, never a downgrade"
        return Run((*api.cli, *words), env=api.env, timeout=TIMEOUT, exits=exits, on="control", note=note)

    def plan(self) -> list[Command]:
        return [self._airflow("db", "migrate")]

    def before(self) -> Facts:
        known = self.deployment.facts.get(self.name, {})
        return {"revision": known.get("revision", self._revision())}

    def _revision(self) -> str | None:
        """The revision that the database is at, by its own table; None where Airflow was never installed in it."""
        with self.deployment.site.connect(self.database) as connection:
            there: Any = connection.execute(REVISION).fetchone()
            row: Any = connection.execute("SELECT version_num FROM alembic_version").fetchone() if there[0] else None
        return str(row[0]) if row else None

    def done(self) -> bool:
        check = self._airflow("db", "check-migrations", "--migration-wait-timeout", "0", exits=frozenset({0, 1}))
        return self.deployment.site.execute(check).exit == 0

    def do(self, progress: Progress) -> Facts:
        for command in self.plan():
            self.deployment.site.execute(command, progress.say)
        return {"now": self._revision()}

    def undo_plan(self) -> list[Command]:
        former = self.deployment.facts.get(self.name, {}).get("revision")
        look = Statement(self.database, "SELECT version_num FROM alembic_version", note=f"is it still {former}?")
        return [look, *restore_plan(self.deployment, self.database, self.deployment.id)]

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        """Nothing where the revision is what it was; else the backup comes back."""
        if "revision" not in facts or facts["revision"] == self._revision():
            return {"kept": True}
        return {"restored": restore(self.deployment, self.database, self.deployment.id, progress)}
