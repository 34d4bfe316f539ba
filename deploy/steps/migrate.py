"""Bring production's schema to that of the release, and take it back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from deploy.command import Command, Run, Script, Statement
from deploy.deployment import Deployment
from deploy.errors import ConfigError, StepFailed
from deploy.migrations.apply import Target, find_release, read_release
from deploy.migrations.history import CREATE, made_by
from deploy.migrations.layout import TABLES, Migration
from deploy.migrations.plan import Plan, Way, rollback_way
from deploy.migrations.takeback import abandon, take_back
from deploy.steps.base import Facts, Progress, Step
from deploy.system import Migrations

# Under `set -e`: a history that cannot be read ends it, for not to know what is applied is no leave to apply it.
LATER = """
psql "${variable}" -v ON_ERROR_STOP=1 -qc '{create}'
for sql in {pattern}; do
  case $sql in *.down.sql) continue ;; esac
  [ -e "$sql" ] || continue
  name={name}
  known=$(psql "${variable}" -Atc "select 1 from public.\\"{table}\\" where migration_name = '$name'
    and finished_at is not null and rolled_back_at is null")
  [ -n "$known" ] || psql "${variable}" -v ON_ERROR_STOP=1 -1 -f "$sql" -c "insert into public.\\"{table}\\"
    (id, checksum, migration_name, finished_at, applied_steps_count)
    values (gen_random_uuid(), '$(sha256sum "$sql" | cut -d " " -f 1)', '$name', now(), 1)"
done"""


def settings_of(deployment: Deployment) -> Migrations:
    """`migrations:` of the system; ConfigError when a flow migrates and there is none."""
    if deployment.system.migrations is None:
        raise ConfigError(
            "the flow migrates, but `migrations:` is missing", where=f"{deployment.system.folder}/system.yaml"
        )
    return deployment.system.migrations


def folder_of(deployment: Deployment) -> str:
    return str(deployment.layout.release(deployment.release) / settings_of(deployment).folder)


def target_of(deployment: Deployment, *, run: str = "", dbname: str | None = None) -> Target:
    """The database to migrate (`dbname` names another one of its server) with the release's migrations."""
    settings = settings_of(deployment)
    migrations = read_release(deployment.site, folder_of(deployment), settings.layout)
    return Target(deployment.site, settings, migrations, run or deployment.id, dbname)


class Migrate(Step):
    """Apply what is pending, with our runner or the system's own command; both leave the same history.

    Undone by what `rollback_way` finds: migrations that only add stay (the release before does not notice them, a
    later deployment finds them applied, and their rows are marked for the plan of releases without them), others
    are taken back by their `down.sql`, and where only a restore helps nothing is done here.
    """

    name = "migrate"
    title = "apply the migrations"

    @cached_property
    def target(self) -> Target:
        return target_of(self.deployment)

    @property
    def settings(self) -> Migrations:
        return settings_of(self.deployment)

    def plan(self) -> list[Command]:
        if self.settings.via == "cli":
            return [self._cli()]
        if find_release(self.deployment.site, folder_of(self.deployment), self.settings.layout) is None:
            return [self._later()]
        found = self.target.plan()
        classes = self.target.classes(found.pending)
        applied = [
            self._statement(migration, f"{migration.name}: {classes[migration.name].kind}")
            for migration in self.target.named(found.pending)
        ]
        create = Statement(
            self.settings.database, f"set client_min_messages = warning;\n{self._create};", note="the history"
        )
        return [create, *applied] if applied else []

    @property
    def _create(self) -> str:
        """SQL that makes the table of the history where there is none."""
        return CREATE.format(f'"{TABLES[self.settings.layout]}"').strip()

    def _later(self) -> Script:
        """The same in shell, for a release that is not there yet: which are pending is found when it runs."""
        folder, prisma = folder_of(self.deployment), self.settings.layout == "prisma"
        text = LATER.format(
            create=self._create,
            pattern=f"{folder}/*/migration.sql" if prisma else f"{folder}/*.sql",
            name='$(basename "$(dirname "$sql")")' if prisma else '$(basename "$sql" .sql)',
            variable=f"{self.settings.database.upper()}_URL",
            table=TABLES[self.settings.layout],
        )
        return Script(text, note="what is pending is known when the release is there")

    def _statement(self, migration: Migration, note: str) -> Statement:
        script = self.target.script(migration)
        record = (
            f'insert into public."{self.target.table}" (id, checksum, migration_name, finished_at, applied_steps_count)'
            f" values (gen_random_uuid(), '{migration.checksum}', '{_literal(migration.name)}', now(), 1);"
        )
        if script.pieces:
            return Statement(
                self.settings.database, "\n".join([*(_ended(p.sql) for p in script.pieces), record]), note=note
            )
        return Statement(
            self.settings.database, "\n".join(["begin;", _ended(script.whole), record, "commit;"]), note=note
        )

    def _cli(self) -> Run:
        task = self.settings.cli
        if task is None:
            raise ConfigError(
                "`via: cli` needs a command", where="migrations.cli", fix="run: [npx, prisma, migrate, deploy]"
            )
        scope = self.deployment.scope()
        return Run(
            tuple(scope.fill(word) for word in task.run),
            cwd=scope.fill(task.cwd),
            env={key: scope.fill(value) for key, value in task.env.items()},
            secrets={"DATABASE_URL": self.deployment.site.url(self.settings.database)},
            timeout=task.timeout,
            note=task.name,
        )

    def done(self) -> bool:
        return self.target.plan().clean

    def do(self, progress: Progress) -> Facts:
        before = self.target.plan()
        self.target.refuse(before)
        for warning in before.warnings():
            progress.say(warning)
        if self.settings.via == "cli":
            self._run_cli(before, progress)
        else:
            self.target.apply(lambda done, total, name: progress.count(done, total, name))
        return self._facts(sorted({*before.pending, *self._mine()}))

    def _run_cli(self, before: Plan, progress: Progress) -> None:
        self.deployment.site.execute(self._cli(), progress.say)
        after = self.target.plan()
        if not after.clean:
            problems = after.problems() or [f"{name}: still pending" for name in after.pending]
            raise StepFailed("\n".join(["the command ended well, but:", *problems]))

    def found(self) -> Facts:
        if find_release(self.deployment.site, folder_of(self.deployment), self.settings.layout) is None:
            return {"classes": {}}  # without its folder, this release never migrated
        return self._facts(self._mine())

    def _facts(self, applied: list[str]) -> Facts:
        classes = self._kinds(applied)
        return {
            "applied": applied,
            "classes": classes,
            "keeps_data": all(kind != "restore-only" for kind in classes.values()),
            "invalid_indexes": self.target.invalid_indexes(),
        }

    def _kinds(self, names: list[str]) -> dict[str, str]:
        return {name: found.kind for name, found in self.target.classes(names).items()}

    def _mine(self) -> list[str]:
        """What this deployment has applied, whatever the journal knows: the rows of our runner say so themselves.

        Prisma's rows do not; of those, the ones that were begun since this deployment was.
        """
        rows = [row for row in self.target.history() if row.rolled_back_at is None]
        if self.settings.via == "cli":
            return sorted(row.name for row in rows if row.applied and row.started_at >= self.deployment.started)
        return sorted(row.name for row in rows if made_by(self.deployment.id, row))

    def _back(self, facts: Facts) -> tuple[list[str], Mapping[str, str], Way]:
        """The names that this deployment applied and that are still applied, their classes, and the way back."""
        there = {row.name for row in self.target.history() if row.rolled_back_at is None}
        known = {migration.name for migration in self.target.migrations}
        names = sorted({*facts.get("applied", ()), *self._mine()} & there & known)
        classes = self._kinds(names)
        return names, classes, rollback_way(classes, self.deployment.database_choice)

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        if find_release(self.deployment.site, folder_of(self.deployment), self.settings.layout) is None:
            return {"way": "keep", "names": []}  # without its folder, this release never migrated
        names, classes, way = self._back(facts)
        if names and way != "restore":
            progress.say(f"taking back or keeping {len(names)} migrations")
            abandon(self.target, names)
            back = [name for name in names if classes[name] == "reversible"]
            take_back(self.target, back, [name for name in names if name not in back])
        return {"way": way, "names": names}

    def undo_plan(self) -> list[Command]:
        if find_release(self.deployment.site, folder_of(self.deployment), self.settings.layout) is None:
            return []
        names, _, way = self._back(self.deployment.facts.get(self.name, {}))
        if way != "down":
            return []
        return [self._down(migration) for migration in reversed(self.target.named(names)) if migration.down is not None]

    def _down(self, migration: Migration) -> Statement:
        mark = (
            f'update public."{self.target.table}" set rolled_back_at = now()'
            f" where migration_name = '{_literal(migration.name)}' and rolled_back_at is null;"
        )
        text = "\n".join(["begin;", _ended(migration.down or ""), mark, "commit;"])
        return Statement(self.settings.database, text, note=f"take back {migration.name}")


def _literal(text: str) -> str:
    return text.replace("'", "''")


def _ended(sql: str) -> str:
    """The script with a semicolon of its own line behind it: its last line may be a comment."""
    text = sql.strip()
    return text if text.endswith(";") or not text else f"{text}\n;"
