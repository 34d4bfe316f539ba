"""Scripts that refuse a transaction, such as CREATE INDEX CONCURRENTLY: statement by statement, and resumable.

The history row is there from the start and counts the statements that are done. Cut off, the next run goes on behind
them. The one statement that may have been under way is judged by what is in the database: a valid index is done, an
invalid one, left by a build of ours that failed (the name is in the script), is dropped and built anew.
"""

from __future__ import annotations

import time

import psycopg
from psycopg import sql

from deploy.errors import StepFailed
from deploy.migrations import history
from deploy.migrations.history import STEPWISE
from deploy.migrations.layout import Migration
from deploy.migrations.runner import Applied, Session, explain
from deploy.migrations.split import Piece

# Such a build waits for every older transaction but blocks no one, so it may wait longer than a lock that does.
PATIENCE = 10
INVALID = """
select n.nspname, c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where not (i.indisvalid and i.indisready) and n.nspname not in ('pg_catalog', 'pg_toast') order by 1, 2"""
VALID = """
select i.indisvalid and i.indisready from pg_index i where i.indexrelid = to_regclass(%s)"""


class InTheWay(StepFailed):
    """What is there already was not made by us, so it is not ours to drop."""


def apply_pieces(session: Session, migration: Migration, pieces: tuple[Piece, ...]) -> Applied:
    """Apply a script statement by statement, going on where an earlier run was cut off."""
    began = time.monotonic()
    key, done, tried = _row(session, migration)
    for number, piece in enumerate(pieces[done:], start=done + 1):
        try:
            _apply(session, migration, piece, tried and number == done + 1)
        except (psycopg.Error, StepFailed) as error:
            raise _failed(session, migration, key, piece, number, error) from error
        session.ledger.step(key, number)
    session.ledger.finish(key)
    return Applied(migration.name, round(time.monotonic() - began, 3), ("ShareUpdateExclusiveLock (concurrently)",))


def _row(session: Session, migration: Migration) -> tuple[str, int, bool]:
    """The row of this migration, new or of the run that was cut off; statements done; whether it was tried before."""
    rows = [row for row in history.read(session.connection, session.ledger.name) or () if row.name == migration.name]
    for row in rows:
        if row.resumable and row.checksum == migration.checksum:
            return row.id, row.steps, True
    return session.ledger.open(migration.name, migration.checksum, STEPWISE), 0, bool(rows)


def _apply(session: Session, migration: Migration, piece: Piece, tried: bool) -> None:
    """Run one statement; `tried` tells that an earlier run may have begun it, so what is there may be ours."""
    session.settle(session.lock_timeout * (PATIENCE if piece.concurrent else 1))
    there = valid(session, piece.index) if piece.concurrent else None
    if tried and piece.concurrent and there is (True if piece.concurrent == "create" else None):
        return
    if piece.concurrent == "create" and there is False:
        if not tried:
            raise InTheWay(f"{migration.name}: an invalid index {piece.index} is in the way, and we did not make it")
        drop_index(session, piece)
    session.patiently(
        migration.name,
        lambda: _execute(session, piece),
        lambda: drop_index(session, piece) if _invalid(session, piece) else None,
    )
    if _invalid(session, piece):
        raise StepFailed(f"{migration.name}: the index {piece.index} is there but not valid")


def _execute(session: Session, piece: Piece) -> None:
    session.connection.execute(piece.sql.encode())


def _invalid(session: Session, piece: Piece) -> bool:
    return piece.concurrent == "create" and valid(session, piece.index) is False


def drop_index(session: Session, piece: Piece) -> None:
    session.connection.execute(sql.SQL("drop index concurrently if exists {}").format(_quoted(piece.index)))


def _failed(
    session: Session, migration: Migration, key: str, piece: Piece, number: int, error: Exception
) -> StepFailed:
    """Leave as little as possible: where no statement is done, nothing; else a row that the next run goes on from."""
    text = explain(migration, error) if isinstance(error, psycopg.Error) else str(error)
    if session.connection.broken:
        return StepFailed(text)
    session.settle(session.lock_timeout * PATIENCE)
    left = "" if isinstance(error, InTheWay) else _tidied(session, piece)
    if number == 1:
        session.ledger.log(key, text)
        session.ledger.take_back(key)
    else:
        session.ledger.log(key, f"{STEPWISE}; {number - 1} done, then: {text}")
        text += f"\n  {number - 1} statements before it are done and stay; the next run goes on behind them"
    return StepFailed(text + (f"\n  {left}" if left else ""))


def _tidied(session: Session, piece: Piece) -> str:
    """Drop the invalid index of a build that failed; what could not be dropped is said."""
    if not _invalid(session, piece):
        return ""
    try:
        drop_index(session, piece)
    except psycopg.Error:
        return f"the invalid index {piece.index} is left; the next run drops it"
    return ""


def valid(session: Session, index: str) -> bool | None:
    """Whether an index can be used; None when there is none of this name."""
    row = session.connection.execute(VALID, [_quoted(index).as_string(session.connection)]).fetchone()
    return None if row is None else bool(row[0])


def invalid_indexes(connection: psycopg.Connection[tuple[str, str]]) -> list[str]:
    """The indexes that a failed build left behind: they cost writes and serve no reads."""
    return [f"{schema}.{name}" for schema, name in connection.execute(INVALID).fetchall()]


def _quoted(index: str) -> sql.Identifier:
    return sql.Identifier(*(index.split(".", 1) if "." in index else ("public", index)))
