"""Taking migrations back: their `down.sql`, last first, in one transaction with the history; or keeping them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from deploy.errors import PersonNeeded, StepFailed
from deploy.migrations import history
from deploy.migrations.apply import LOCK_WAIT, Target
from deploy.migrations.history import KEPT, Row
from deploy.migrations.layout import Migration
from deploy.migrations.runner import TRANSIENT, Session, explain, locked
from deploy.migrations.stepwise import drop_index

Inspect = Callable[["psycopg.Connection[Any]"], None]


def take_back(
    target: Target, reversible: Sequence[str], kept: Sequence[str] = (), inspect: Inspect | None = None
) -> None:
    """Run the `down.sql` of `reversible`, last applied first, and mark what stays in the history.

    `kept` are marked for what they are, since the release that is now current does not know them: its own plan would
    call them unknown. With `inspect` it is only a trial: called when all is taken back, then all is as it was.
    StepFailed when a script fails: then nothing was taken back.
    """
    with target.opened() as connection, locked(connection, LOCK_WAIT):
        session = target.session(connection)
        session.patiently("taking migrations back", lambda: _attempt(session, target, reversible, kept, inspect))


def _attempt(
    session: Session, target: Target, reversible: Sequence[str], kept: Sequence[str], inspect: Inspect | None
) -> None:
    rows = [row for row in history.read(session.connection, target.table) or () if row.applied]
    session.settle()
    with session.connection.transaction(force_rollback=inspect is not None):
        for row in reversed(rows):
            if row.name in reversible:
                _down(session, target.named([row.name])[0])
                session.ledger.take_back(row.id)
            elif row.name in kept:
                session.ledger.log(row.id, KEPT)
        if inspect:
            inspect(session.connection)


def _down(session: Session, migration: Migration) -> None:
    down = Migration(migration.name, migration.down or "", "", path=f"{migration.path} (its down.sql)")
    try:
        session.connection.execute(down.sql.encode())
    except TRANSIENT:
        raise
    except psycopg.Error as error:
        raise StepFailed(explain(down, error)) from error


def abandon(target: Target, names: Sequence[str]) -> None:
    """Take back what a run statement by statement left when it was cut off: the indexes it built or began to build.

    PersonNeeded when it did anything else: nobody but its author knows how to undo half of it.
    """
    with target.opened() as connection, locked(connection, LOCK_WAIT):
        session = target.session(connection)
        for row in history.read(connection, target.table) or ():
            if row.resumable and row.name in names:
                _abandon(session, target, row)


def _abandon(session: Session, target: Target, row: Row) -> None:
    pieces = target.script(target.named([row.name])[0]).pieces[: row.steps + 1]
    if any(piece.concurrent != "create" for piece in pieces):
        raise PersonNeeded(
            f"{row.name}: {row.steps} of its statements are done and cannot be taken back for you. Undo them, then:",
            [f"update public.\"{target.table}\" set rolled_back_at = now() where id = '{row.id}';"],
        )
    session.settle()
    for piece in reversed(pieces):
        drop_index(session, piece)
    session.ledger.take_back(row.id)
