"""A release's migrations at one database: read the plan, apply what is pending."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deploy.backups.scratch import refusals
from deploy.command import Script
from deploy.errors import ConfigError, StepFailed
from deploy.migrations import history, layout, split
from deploy.migrations.classify import Classified, classify
from deploy.migrations.history import Ledger, Row
from deploy.migrations.layout import TABLES, Migration
from deploy.migrations.lint import Linted, lint
from deploy.migrations.plan import Plan, baseline, plan
from deploy.migrations.runner import Applied, Session, apply_whole, locked
from deploy.migrations.stepwise import apply_pieces, invalid_indexes
from deploy.site import Site
from deploy.system import Migrations

if TYPE_CHECKING:
    import psycopg

LOCK_WAIT = 60.0  # seconds to wait for another one that applies migrations


ABSENT = 44  # an exit of our own, for a folder that is not there


def find_release(site: Site, folder: str, kind: layout.Kind) -> list[Migration] | None:
    """The migrations of a release folder, with one command; None while there is no such folder.

    ConfigError for a folder that is not as it should be.
    """
    text = f"[ -d {shlex.quote(folder)} ] || exit {ABSENT}\n{layout.listing(folder, kind)}"
    ended = site.execute(Script(text, exits=frozenset({0, ABSENT})))
    return layout.parse(ended.out, folder, kind) if ended.exit == 0 else None


def read_release(site: Site, folder: str, kind: layout.Kind) -> list[Migration]:
    """Like `find_release`, where the folder must be there."""
    found = find_release(site, folder, kind)
    if found is None:
        raise ConfigError("there is no such folder", where=folder, fix="See `migrations.folder` in system.yaml.")
    return found


@dataclass(frozen=True)
class Target:
    """One database (`dbname` names another one of its server) and the migrations that it should have."""

    site: Site
    settings: Migrations
    migrations: Sequence[Migration]
    run: str
    dbname: str | None = None
    linted: dict[str, Linted] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return TABLES[self.settings.layout]

    def connect(self) -> psycopg.Connection[Any]:
        """As the application's own role: what a migration makes belongs to it."""
        return self.site.connect(self.settings.database, dbname=self.dbname)

    @contextmanager
    def opened(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for a while; what PostgreSQL refuses is a StepFailed."""
        with refusals(f"database {self.dbname or self.settings.database}"), self.connect() as connection:
            yield connection

    def watch(self) -> psycopg.Connection[Any]:
        """As administrator where there is one, who may read the queries of others."""
        admin = bool(self.site.environment.databases[self.settings.database].admin_url)
        return self.site.connect(self.settings.database, admin=admin, dbname=self.dbname)

    def history(self) -> list[Row]:
        with self.opened() as connection:
            return history.read(connection, self.table) or []

    def invalid_indexes(self) -> list[str]:
        """Indexes that a failed build, of whomever, has left: they cost writes and serve no reads."""
        with self.opened() as connection:
            return invalid_indexes(connection)

    def plan(self) -> Plan:
        with self.opened() as connection:
            return self._plan(connection)

    def _plan(self, connection: psycopg.Connection[Any]) -> Plan:
        nothing = history.is_empty(connection) or self.settings.onto is not None
        return plan(self.migrations, history.read(connection, self.table), empty=nothing)

    def refuse(self, found: Plan) -> None:
        """StepFailed with every problem of a plan, and with what baselines a database that has no history."""
        if problems := found.problems():
            hint = [baseline(self.migrations, self.table)] if found.baseless else []
            raise StepFailed("\n".join(["the migrations cannot be applied:", *problems, *hint]))

    def named(self, names: Sequence[str]) -> list[Migration]:
        return [migration for migration in self.migrations if migration.name in names]

    def classes(self, names: Sequence[str]) -> dict[str, Classified]:
        return {m.name: classify(self._lint(m), has_down=m.down is not None) for m in self.named(names)}

    def script(self, migration: Migration) -> split.Script:
        return split.split(migration, self._lint(migration).tree)

    def _lint(self, migration: Migration) -> Linted:
        if migration.name not in self.linted:
            self.linted[migration.name] = lint(migration.sql)
        return self.linted[migration.name]

    def apply(self, tell: Callable[[int, int, str], None]) -> list[Applied]:
        """Apply what is pending, under the lock; `tell` gets how many are done, of how many, and which is next."""
        with self.opened() as connection, locked(connection, LOCK_WAIT):
            found = self._plan(connection)
            self.refuse(found)
            pending = self.named(found.pending)
            scripts = {migration.name: self.script(migration) for migration in pending}
            session = self.session(connection)
            done: list[Applied] = []
            for migration in pending:
                tell(len(done), len(pending), migration.name)
                done.append(_apply(session, migration, scripts))
            return done

    def session(self, connection: psycopg.Connection[Any]) -> Session:
        """What applies and takes back through this connection; the history table is made where it is missing."""
        ledger = Ledger(connection, self.table, self.run)
        ledger.create()
        return Session(connection, ledger, self.settings.lock_timeout, self.settings.retries, self.watch)


def _apply(session: Session, migration: Migration, scripts: Mapping[str, split.Script]) -> Applied:
    script = scripts[migration.name]
    if script.pieces:
        return apply_pieces(session, migration, script.pieces)
    return apply_whole(session, migration, script.whole)
