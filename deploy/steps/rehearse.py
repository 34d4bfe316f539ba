"""Pending migrations run first on the scratch database: production's data, and nobody's loss."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from deploy.backups.scratch import administrator, create_scratch, described, drop_ours
from deploy.command import Command, Statement
from deploy.errors import GateClosed, StepFailed
from deploy.migrations import fingerprint
from deploy.migrations.apply import Target
from deploy.migrations.classify import Classified
from deploy.migrations.fingerprint import Fingerprint, differences
from deploy.migrations.plan import Plan, keeps_data_up_to
from deploy.migrations.runner import Applied
from deploy.migrations.takeback import take_back
from deploy.steps.base import Facts, Progress, Step
from deploy.steps.migrate import settings_of, target_of

UNMEASURED = ("not measured: an earlier run, which was cut off, applied it",)
SERVER = """
select current_setting('server_version_num')::int / 10000, pg_encoding_to_char(encoding), datcollate, datctype
from pg_database where datname = current_database()"""
SHOWN = 5  # differing objects that a failure names


class Rehearse(Step):
    """Apply what is pending to the restored backup, timed and with its locks, and take back what says it can be.

    The schema that comes out must be the one that all migrations make of an empty database; else somebody changed
    production by hand. What those migrations make is remembered: the next deployment that has no others makes no such
    database, unless the schemas differ. What was found is left in the control folder for the checks:
    `rehearsals/<release>.json` with `migrations` (name, class, reasons, seconds, locks) and `fingerprint`. GateClosed
    (production is as it was) when anything of this fails.
    """

    name = "rehearse"
    title = "rehearse the migrations"
    touches = False

    @property
    def database(self) -> str:
        return settings_of(self.deployment).database

    @property
    def scratch(self) -> str:
        return self.deployment.scratch(self.database)

    @property
    def shadow(self) -> str:
        return f"{self.scratch}_shadow"

    @property
    def report(self) -> str:
        return str(self.deployment.layout.control / "rehearsals" / f"{self.deployment.release}.json")

    @property
    def from_nothing(self) -> str:
        """Where it is remembered what exactly these migrations make of an empty database on such a server."""
        with self.target.opened() as connection:
            server = [str(value) for value in connection.execute(SERVER.encode()).fetchall()[0]]
        made_of = [fingerprint.SQL, *server, *(f"{one.name} {one.checksum}" for one in self.target.migrations)]
        key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:24]
        return str(self.deployment.layout.control / "rehearsals" / "from-nothing" / f"{key}.json")

    @cached_property
    def target(self) -> Target:
        return target_of(self.deployment, run=f"{self.deployment.id} rehearsal", dbname=self.scratch)

    def plan(self) -> list[Command]:
        make = f'CREATE DATABASE "{self.shadow}" TEMPLATE template0;'
        drop = f'DROP DATABASE "{self.shadow}" WITH (FORCE);'
        note = f"all migrations on an empty database, the pending ones on {self.scratch}: the schemas must be equal"
        return [
            Statement(self.database, make, admin=True, note=note),
            Statement(self.database, drop, admin=True, note="it goes; neither, where it is remembered what they make"),
        ]

    def done(self) -> bool:
        """Whether the scratch database has the release's migrations and the schema that this rehearsal proved.

        Without its facts it is done again: a rollback needs the classes.
        """
        text = self.deployment.site.read(self.report)
        if self.name not in self.deployment.facts or not text or not self._restored():
            return False
        with self.target.opened() as connection:
            found = fingerprint.of(connection)
        return self.target.plan().clean and found == json.loads(text)["fingerprint"]

    def _restored(self) -> bool:
        with administrator(self.deployment.site, self.database) as admin:
            return described(admin, self.scratch) is not None

    def do(self, progress: Progress) -> Facts:
        try:
            return self._do(progress)
        except StepFailed as error:
            raise GateClosed(f"The rehearsal failed; production is as it was.\n{error}") from error

    def _do(self, progress: Progress) -> Facts:
        if not self._restored():
            raise StepFailed(f"there is no scratch database {self.scratch}: `backup` makes it from the restored data")
        production, found = replace(self.target, dbname=None), self.target.plan()
        self.target.refuse(found)
        ahead = production.plan().pending  # more than the copy lacks, where a rehearsal was cut off before
        classes = self.target.classes(sorted({*ahead, *found.pending}))
        before = self._fingerprint(self.target if found.pending == ahead else production)
        applied = self.target.apply(lambda done, total, name: progress.count(done, total, name))
        self._try_back(classes, before)
        after = self._same_as_from_nothing(found)
        facts = _facts({one.name: one for one in applied}, classes, found)
        self.deployment.site.write(self.report, json.dumps({**facts, "fingerprint": after}, indent=1))
        return facts

    def _fingerprint(self, target: Target) -> Fingerprint:
        with target.opened() as connection:
            return fingerprint.of(connection)

    def _try_back(self, classes: Mapping[str, Classified], before: Fingerprint) -> None:
        """A `down.sql` is a promise: run it here, see that the schema is what it was, and undo the trial."""
        reversible = [name for name, found in classes.items() if found.kind == "reversible"]
        rest = len(reversible) < len(classes)

        def inspect(connection: Any) -> None:
            _same(before, fingerprint.of(connection), "the schema is not what it was after down.sql", more=rest)

        if reversible:
            take_back(self.target, reversible, inspect=inspect)

    def _same_as_from_nothing(self, found: Plan) -> Fingerprint:
        """The schema of the scratch database, proven equal to what the repository makes of an empty one.

        That is made anew when it is not remembered, and before anything is said to differ.
        """
        path, after = self.from_nothing, self._fingerprint(self.target)
        expected = _remembered(self.deployment.site.read(path))
        if expected is None or differences(expected, after, more=bool(found.kept)):
            expected = self._made_from_nothing()
            told = {"deployment": self.deployment.id, "fingerprint": expected}
            self.deployment.site.write(path, json.dumps(told, indent=1))
        _same(expected, after, "the database is not what its migrations make", more=bool(found.kept))
        return after

    def _made_from_nothing(self) -> Fingerprint:
        purpose = f"deployment {self.deployment.id}"
        create_scratch(self.deployment.site, self.database, self.shadow, purpose)
        try:
            shadow = target_of(self.deployment, run=f"{self.deployment.id} shadow", dbname=self.shadow)
            shadow.linted.update(self.target.linted)
            shadow.apply(lambda done, total, name: None)
            return self._fingerprint(shadow)
        finally:
            self._drop_shadow()

    def _drop_shadow(self) -> None:
        with administrator(self.deployment.site, self.database) as admin:
            drop_ours(self.deployment.site, self.database, admin, self.shadow)

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        self._drop_shadow()
        return {}

    def undo_plan(self) -> list[Command]:
        drop = f'DROP DATABASE IF EXISTS "{self.shadow}" WITH (FORCE)'
        return [Statement(self.database, drop, admin=True, note="the empty database of a rehearsal that was cut off")]


def _remembered(text: str | None) -> Fingerprint | None:
    """What is kept of an earlier build; None without one, or where it cannot be read: then it is made again."""
    try:
        return dict(json.loads(text)["fingerprint"]) if text else None
    except (ValueError, KeyError, TypeError):
        return None


def _same(expected: Fingerprint, found: Fingerprint, what: str, *, more: bool) -> None:
    if lines := differences(expected, found, more=more):
        rest = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        raise StepFailed("\n  ".join([f"{what}:", *lines[:SHOWN], *rest]))


def _facts(applied: Mapping[str, Applied], classes: Mapping[str, Classified], found: Plan) -> dict[str, Any]:
    kinds = {name: one.kind for name, one in classes.items()}
    return {
        "migrations": [
            _measured(applied.get(name) or Applied(name, 0.0, UNMEASURED), classes[name]) for name in classes
        ],
        "classes": kinds,
        "keeps_data_up_to": keeps_data_up_to(kinds),
        "warnings": found.warnings(),
        "kept": list(found.kept),
    }


def _measured(one: Applied, found: Classified) -> dict[str, Any]:
    return {
        "name": one.name,
        "class": found.kind,
        "reasons": list(found.reasons),
        "seconds": one.seconds,
        "locks": list(one.locks),
    }
