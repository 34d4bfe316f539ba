"""Applies migrations as Prisma does: same advisory lock, same history, so that either may go on after the other.

A script is one transaction *together with its history row*. Cut off at any instant, the database has both or neither,
where Prisma would leave a row that nobody can judge. A script that failed leaves nothing behind but a row that is
marked as rolled back, with the error: neither Prisma (P3009) nor we are stuck by it. Scripts that refuse a transaction
are in `stepwise`. All runs as the application's own role, so what is made belongs to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from deploy.errors import StepFailed
from deploy.migrations.blockers import Connect, Watcher
from deploy.migrations.history import Ledger
from deploy.migrations.layout import Migration
from deploy.secret import mask

ADVISORY_LOCK = 72707369  # Prisma's
TRANSIENT = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
STRONG = "('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"
TABLES = "select c.oid from pg_class c where c.relkind in ('r', 'p', 'm')"
LOCKS = f"""
select distinct c.relname, l.mode from pg_locks l join pg_class c on c.oid = l.relation
where l.pid = pg_backend_pid() and l.granted and l.mode in {STRONG} and c.oid = any(%s) order by 1, 2"""


@dataclass(frozen=True)
class Applied:
    """One migration that was applied: the seconds it took, and the strong locks it held on tables that were there."""

    name: str
    seconds: float
    locks: tuple[str, ...] = ()


@dataclass
class Session:
    """A connection that applies migrations for one deployment (`run`), and how patient it is.

    `lock_timeout` in seconds; `watch` opens a second connection, to see who blocks; `sleep` waits between attempts.
    """

    connection: psycopg.Connection[Any]
    ledger: Ledger
    lock_timeout: float
    retries: int
    watch: Connect
    sleep: Callable[[float], None] = time.sleep
    watcher: Watcher = field(default_factory=Watcher)

    def settle(self, lock_timeout: float | None = None) -> None:
        """The settings that every script finds, whatever the one before has set."""
        milliseconds = round((lock_timeout or self.lock_timeout) * 1000)
        self.connection.execute("reset all")
        self.connection.execute(
            "select set_config('timezone', 'UTC', false), set_config('search_path', 'public', false)"
        )
        self.connection.execute("select set_config('lock_timeout', %s, false)", [f"{milliseconds}ms"])

    def patiently(self, name: str, attempt: Callable[[], None], before_retry: Callable[[], None] | None = None) -> None:
        """Run an attempt until it gets its locks, waiting longer each time; StepFailed then names who holds them."""
        interval = min(0.2, self.lock_timeout / 4)
        for turn in range(self.retries + 1):
            try:
                with self.watcher.watching(self.watch, self.connection.info.backend_pid, interval):
                    attempt()
                return
            except TRANSIENT as error:
                if turn == self.retries:
                    raise StepFailed(self._blocked(name, error)) from error
            self.sleep(2.0**turn)
            if before_retry:
                before_retry()

    def _blocked(self, name: str, error: psycopg.Error) -> str:
        who = [f"  blocked by {line}" for line in self.watcher.seen] or ["  who held the lock could not be seen"]
        first = f"{name}: {error.diag.message_primary} ({self.retries + 1} attempts of {self.lock_timeout:g} s)"
        return "\n".join([first, *who])


@contextmanager
def locked(
    connection: psycopg.Connection[Any], wait: float, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold Prisma's advisory lock; StepFailed when someone else holds it for longer than `wait` seconds.

    Asked for again and again instead of waited for: a waiting session would stop a concurrent index build for ever.
    """
    limit = time.monotonic() + wait
    while not _try(connection):
        if time.monotonic() >= limit:
            raise StepFailed(f"someone else applies migrations: {_holder(connection)}")
        sleep(0.2)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def _try(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("select pg_try_advisory_lock(%s)", [ADVISORY_LOCK]).fetchone()
    return bool(row and row[0])


def _holder(connection: psycopg.Connection[Any]) -> str:
    found = connection.execute(
        "select a.pid, a.usename, a.application_name from pg_locks l join pg_stat_activity a using (pid)"
        " where l.locktype = 'advisory' and l.granted and l.objid = %s"
        " and l.database = (select oid from pg_database where datname = current_database())",
        [ADVISORY_LOCK],
    ).fetchall()
    return ", ".join(f"pid {pid}, user {user}, {name}" for pid, user, name in found) or f"lock {ADVISORY_LOCK} is held"


def apply_whole(session: Session, migration: Migration, sql: str) -> Applied:
    """Apply a script as one transaction with its history row; StepFailed when PostgreSQL refuses it."""
    began, locks = time.monotonic(), list[str]()

    def attempt() -> None:
        session.settle()
        locks[:] = _transaction(session, migration, sql)

    try:
        session.patiently(migration.name, attempt)
    except psycopg.Error as error:
        raise failed(session, migration, error, record=not session.connection.broken) from error
    return Applied(migration.name, round(time.monotonic() - began, 3), tuple(locks))


def _transaction(session: Session, migration: Migration, sql: str) -> list[str]:
    connection = session.connection
    before = [oid for (oid,) in connection.execute(TABLES).fetchall()]
    with connection.transaction():
        key = session.ledger.open(migration.name, migration.checksum)
        connection.execute(sql.encode())  # untouched, as one simple query
        locks = [f"{table} {mode}" for table, mode in connection.execute(LOCKS, [before]).fetchall()]
        session.ledger.finish(key)
    return [lock for lock in locks if not lock.startswith(f"{session.ledger.name} ")]


def failed(session: Session, migration: Migration, error: psycopg.Error, *, record: bool) -> StepFailed:
    """The failure of a script, with the line in its file; where `record`, also a row that says it and stops nobody."""
    text = explain(migration, error)
    if record:
        session.settle()
        with session.connection.transaction():
            key = session.ledger.open(migration.name, migration.checksum, text)
            session.ledger.take_back(key)
    return StepFailed(text)


def explain(migration: Migration, error: psycopg.Error) -> str:
    """What PostgreSQL said, and where in the file."""
    position = error.diag.statement_position
    line = migration.sql[: int(position)].count("\n") + 1 if position else 0
    where = f"{migration.path}:{line}" if line else migration.path
    detail = f" ({error.diag.message_detail})" if error.diag.message_detail else ""
    said = (error.diag.message_primary or str(error)).strip()
    state = f" [{error.sqlstate}]" if error.sqlstate else ""
    return mask(f"{where}: {said}{detail}{state}")
