"""What a database holds, in numbers that can be compared: rows and checksum of each table, sequences, its shape.

The checksum of a table is the sum, over its rows, of a 64-bit hash of the row's text:

- a sum does not depend on the order of rows, and equal rows do not cancel each other out as they would under XOR;
- `hashtextextended` is the function that PostgreSQL's hash partitioning rests on, so its values survive upgrades; a
  difference escapes with a chance of about 2^-64. It finds accidents, not forgeries: those are what the sha256 of the
  files is for;
- `sum(bigint)` is exact, computed in 128 bits, and can be spread over parallel workers;
- the text of a row depends on settings, so they are fixed here: floats in their shortest exact form, times in UTC and
  ISO style, names always with their schema. It also depends on the order of columns, which a dump keeps.

Materialised views are left out (a restore computes them anew), as are tables that belong to extensions. Large objects,
where there are any, count as one table called `large objects`. A row whose text exceeds 1 GB cannot be summed up.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from deploy.backups.manifest import TableContent

Connection = psycopg.Connection[Any]

# Fixed for the transaction only, and only where the server knows them: the last one is new in PostgreSQL 17.
SETTINGS: LiteralString = """
SELECT count(set_config(known.name, value, true))
FROM (VALUES ('search_path', ''), ('timezone', 'UTC'), ('datestyle', 'ISO, YMD'), ('intervalstyle', 'postgres'),
             ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('lc_monetary', 'C'), ('row_security', 'off'),
             ('jit', 'off'), ('lock_timeout', '60s'), ('statement_timeout', '0'),
             ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0')) AS fixed (name, value)
JOIN pg_catalog.pg_settings known ON lower(known.name) = fixed.name"""

# One statement for each table, the largest first, so that the last worker to finish does not hold a big one. The
# row's alias is none that a column could have, for `t::text` means the column where there is one called `t`.
STATEMENTS: LiteralString = """
SELECT format('%I.%I', n.nspname, c.relname),
       format('SELECT %L, count(*), coalesce(sum(hashtextextended("~row"::text COLLATE "C", 0)), 0)'
              ' FROM ONLY %I.%I AS "~row"', format('%I.%I', n.nspname, c.relname), n.nspname, c.relname) AS statement
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY c.relpages DESC, c.oid"""
LARGE_OBJECTS = "large objects"
LARGE_OBJECT_CONTENT: LiteralString = f"""
SELECT '{LARGE_OBJECTS}', count(*), coalesce(sum(hashtextextended(oid::text || sha256(lo_get(oid))::text, 0)), 0)
FROM pg_catalog.pg_largeobject_metadata HAVING count(*) > 0"""

SEQUENCES: LiteralString = """
SELECT format('%I.%I', schemaname, sequencename), last_value FROM pg_catalog.pg_sequences ORDER BY 1"""

# Names and structure, not the text of expressions: PostgreSQL may spell a default, a check or a view in another way
# once it was dumped and read back (`IN` over varchar does), and a fingerprint must not cry wolf. Constraints and
# triggers that partitions inherit are left out, since their names are PostgreSQL's choice.
SHAPE: LiteralString = """
WITH ours AS (
  SELECT c.* FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
SELECT line FROM (
  SELECT concat_ws(' ', 'column', c.oid::regclass, c.relkind, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
                   quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                   a.attgenerated, a.atthasdef) AS line
  FROM ours c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
  UNION ALL
  SELECT concat_ws(' ', 'table', c.oid::regclass, c.relkind, c.relrowsecurity, c.relpersistence) FROM ours c
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  UNION ALL
  SELECT concat_ws(' ', 'index', i.indexrelid::regclass, i.indrelid::regclass, am.amname, i.indisunique,
                   i.indpred IS NOT NULL, (SELECT string_agg(coalesce(quote_ident(a.attname), '(…)'), ', ' ORDER BY k.n)
                    FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
                    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum))
  FROM pg_catalog.pg_index i JOIN ours c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am am ON am.oid = c.relam
  WHERE i.indisvalid
  UNION ALL
  SELECT concat_ws(' ', 'constraint', quote_ident(o.conname), o.conrelid::regclass, o.contype, o.convalidated)
  FROM pg_catalog.pg_constraint o JOIN ours c ON c.oid = o.conrelid
  WHERE o.conparentid = 0 AND o.contype NOT IN ('n', 't')
  UNION ALL
  SELECT concat_ws(' ', 'trigger', quote_ident(t.tgname), t.tgrelid::regclass, t.tgenabled)
  FROM pg_catalog.pg_trigger t JOIN ours c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND t.tgparentid = 0
  UNION ALL
  SELECT concat_ws(' ', 'policy', quote_ident(p.polname), p.polrelid::regclass, p.polcmd) FROM pg_catalog.pg_policy p
  UNION ALL
  SELECT concat_ws(' ', 'function', p.oid::regprocedure, p.prokind, md5(p.prosrc))
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  UNION ALL
  SELECT concat_ws(' ', 'enum', e.enumtypid::regtype,
                   string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder))
  FROM pg_catalog.pg_enum e GROUP BY e.enumtypid
  UNION ALL
  SELECT concat_ws(' ', 'extension', quote_ident(x.extname)) FROM pg_catalog.pg_extension x
) AS lines ORDER BY line COLLATE "C\""""


Content = dict[str, TableContent]


@contextmanager
def frozen(connection: Connection, snapshot: str | None = None) -> Iterator[None]:
    """A read-only transaction that sees one moment, its own or that of an exported snapshot, with settings fixed."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        if snapshot:
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        connection.execute(SETTINGS)
        yield
    finally:
        if not connection.closed:
            connection.execute("ROLLBACK")


def exported(connection: Connection) -> str:
    """The name under which other transactions, and pg_dump, can see what this one sees while it is open."""
    return str(connection.execute("SELECT pg_catalog.pg_export_snapshot()").fetchall()[0][0])


def checksums(
    connection: Connection, *helpers: Connection, exclude: Collection[str] = (), snapshot: str | None = None
) -> Content:
    """Rows and checksum of every table at one moment, by `schema.table` (quoted where SQL would need it).

    All connections (autocommit, to the same database) share the work; `exclude` names tables to leave out; with
    `snapshot` the moment is that of an exported snapshot. Raises psycopg.Error, also for a table that may not be read.
    """
    with ExitStack() as stack:
        stack.enter_context(frozen(connection, snapshot))
        moment = snapshot or (exported(connection) if helpers else None)
        for helper in helpers:
            stack.enter_context(frozen(helper, moment))
        pending = deque(text for name, text in connection.execute(STATEMENTS) if name not in exclude)
        if LARGE_OBJECTS not in exclude:
            pending.append(LARGE_OBJECT_CONTENT)
        if not helpers:
            return _in_order(_work(connection, pending))
        pool = stack.enter_context(ThreadPoolExecutor(1 + len(helpers)))
        parts = list(pool.map(lambda worker: _work(worker, pending), [connection, *helpers]))
        return _in_order({name: content for part in parts for name, content in part.items()})


def _work(connection: Connection, pending: deque[str]) -> Content:
    found: Content = {}
    while pending:
        try:
            statement = pending.popleft()
        except IndexError:  # another worker took the last one
            break
        try:
            rows = connection.execute(statement.encode()).fetchall()
        except BaseException:
            pending.clear()
            raise
        found |= {name: TableContent(count, str(checksum)) for name, count, checksum in rows}
    return found


def _in_order(content: Content) -> Content:
    return dict(sorted(content.items()))


def counts(connection: Connection) -> dict[str, int]:
    """Rows of every table at one moment, without their checksums: what `checksums` says, for less."""
    with frozen(connection):
        sources = {name: f"ONLY {name}" for name, _ in connection.execute(STATEMENTS)}
        sources[LARGE_OBJECTS] = "pg_catalog.pg_largeobject_metadata"
        found = {name: _count(connection, source) for name, source in sources.items()}
    return {name: rows for name, rows in found.items() if rows or name != LARGE_OBJECTS}


def _count(connection: Connection, source: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {source}".encode()).fetchall()[0][0])


def sequences(connection: Connection) -> dict[str, int | None]:
    """The last value of every sequence; None for one that was never used, or that may not be read."""
    return dict(connection.execute(SEQUENCES).fetchall())


def shape(connection: Connection) -> str:
    """A sha256 over names and structure of all that was created in a database; the same after dump and restore.

    To be asked within `frozen`, on which the spelling of names rests.
    """
    return hashlib.sha256("\n".join(_shape(connection)).encode()).hexdigest()


def is_empty(connection: Connection) -> bool:
    """Whether nobody has created anything in a database yet."""
    with frozen(connection):
        return all(line.startswith("extension ") for line in _shape(connection))


def _shape(connection: Connection) -> list[str]:
    return [str(line) for (line,) in connection.execute(SHAPE)]


def differences(before: Mapping[str, TableContent], after: Mapping[str, TableContent]) -> list[str]:
    """What differs, in words, one line a table; an empty list when all tables are equal."""
    return [_difference(name, before.get(name), after.get(name)) for name in _differing(before, after)]


def _differing(before: Mapping[str, TableContent], after: Mapping[str, TableContent]) -> list[str]:
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def _difference(name: str, before: TableContent | None, after: TableContent | None) -> str:
    if before is None or after is None:
        return f"{name}: is {'new' if before is None else 'missing'}"
    if before.rows != after.rows:
        return f"{name}: {before.rows} rows before, {after.rows} after"
    return f"{name}: {before.rows} rows before and after, but not the same"
