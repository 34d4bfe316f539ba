"""The history table: Prisma's own, or ours with the same columns. What its rows mean, and how they are written.

The id of a row that our runner writes is derived from the deployment, the migration and the attempt: after a crash it
tells which deployment applied what, without a column that Prisma would not know. Two marks in `logs` say more: that a
migration is applied statement by statement and may be resumed, and that a rollback kept one whose release has gone.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

ATTEMPTS = 50  # of one deployment at one migration
STEPWISE = "pipeline-deploy: statement by statement"
KEPT = "pipeline-deploy: kept by a rollback; it only adds, the release before does without"
COLUMNS = "id, checksum, finished_at, migration_name, logs, rolled_back_at, started_at, applied_steps_count"
CREATE = """
create table if not exists public.{} (
    id varchar(36) primary key not null,
    checksum varchar(64) not null,
    finished_at timestamptz,
    migration_name varchar(255) not null,
    logs text,
    rolled_back_at timestamptz,
    started_at timestamptz not null default now(),
    applied_steps_count integer not null default 0
)"""
OBJECTS = """
select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p', 'v', 'm', 'S')
and not exists (
    select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'e'
)"""


@dataclass(frozen=True)
class Row:
    """One attempt at one migration, as the table has it."""

    id: str
    checksum: str
    finished_at: datetime | None
    name: str
    logs: str | None
    rolled_back_at: datetime | None
    started_at: datetime
    steps: int

    @property
    def applied(self) -> bool:
        return self.finished_at is not None and self.rolled_back_at is None

    @property
    def unfinished(self) -> bool:
        return self.finished_at is None and self.rolled_back_at is None

    @property
    def resumable(self) -> bool:
        return self.unfinished and (self.logs or "").startswith(STEPWISE)

    @property
    def kept(self) -> bool:
        return self.applied and self.logs == KEPT


def selection(table: str) -> str:
    """The query for the whole history, oldest attempt first."""
    return f'select {COLUMNS} from public."{table}" order by started_at, id'


def rows(found: Sequence[Sequence[Any]]) -> list[Row]:
    return [Row(*values) for values in found]


def read(connection: psycopg.Connection[Any], table: str) -> list[Row] | None:
    """The history; None where the table is not there yet."""
    there = connection.execute("select to_regclass(%s)", [f'public."{table}"']).fetchone()
    if not there or there[0] is None:
        return None
    return rows(connection.execute(selection(table).encode()).fetchall())


def is_empty(connection: psycopg.Connection[Any]) -> bool:
    """Whether the schema `public` holds no table, view or sequence."""
    found = connection.execute(OBJECTS).fetchone()
    return found is not None and found[0] == 0


def identity(run: str, name: str, attempt: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run}/{name}/{attempt}"))


def made_by(run: str, row: Row) -> bool:
    """Whether the deployment `run` wrote this row."""
    return any(row.id == identity(run, row.name, attempt) for attempt in range(ATTEMPTS))


class Ledger:
    """Writes the history table of one database, for one deployment."""

    def __init__(self, connection: psycopg.Connection[Any], table: str, run: str) -> None:
        self.connection, self.run, self.name = connection, run, table

    def create(self) -> None:
        self._run(CREATE)

    def open(self, name: str, checksum: str, logs: str | None = None) -> str:
        """A row for an attempt that starts now; returns its id."""
        taken = {row.id for row in read(self.connection, self.name) or ()}
        key = next(k for k in (identity(self.run, name, n) for n in range(ATTEMPTS)) if k not in taken)
        self._run(
            "insert into public.{} (id, checksum, migration_name, logs, started_at)"
            " values (%s, %s, %s, %s, clock_timestamp())",
            key,
            checksum,
            name,
            logs,
        )
        return key

    def step(self, key: str, steps: int) -> None:
        """So many statements of it are done."""
        self._run("update public.{} set applied_steps_count = %s where id = %s", steps, key)

    def finish(self, key: str) -> None:
        self._run(
            "update public.{} set finished_at = clock_timestamp(), applied_steps_count = 1, logs = null where id = %s",
            key,
        )

    def log(self, key: str, logs: str) -> None:
        self._run("update public.{} set logs = %s where id = %s", logs, key)

    def take_back(self, key: str) -> None:
        self._run("update public.{} set rolled_back_at = clock_timestamp() where id = %s", key)

    def _run(self, statement: str, *values: object) -> None:
        from psycopg import sql  # here: whoever only reads what rows mean need not wait for the library

        self.connection.execute(sql.SQL(statement).format(sql.Identifier(self.name)), values)
