"""Values, rows and structure of a PostgreSQL database. Domain knowledge comes as SQL from the system's folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deploy.errors import ConfigError
from deploy.probes.base import Probe
from deploy.probes.bounds import Bounded, number, shown
from deploy.probes.files import space
from deploy.probes.reading import every, table
from deploy.probes.sh import volume
from deploy.question import Output, Rows, Shell, Sql
from deploy.result import Verdict, failed, judged, passed, unknown
from deploy.scope import Scope

FILE = re.compile(r"\S+\.sql")
INCLUDE = re.compile(r"^\\ir[ \t]+(\S+)[ \t]*$", re.MULTILINE)
SPAN = re.compile(r"(?<!:)(?<!coalesce\():(since|load_id)\b")
SHOWN = 10


class Samples(BaseModel):
    """How much there must be before anything is judged: a query for the number, or with `each` the third column."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sql: str = ""
    at_least: int = Field(ge=1)

    def lacking(self, count: object) -> str:
        """Why there is too little to judge; empty when there is enough."""
        if count is None:
            return "the number of samples is NULL"
        return f"{shown(count)} of at least {self.at_least} samples" if number(count) < self.at_least else ""


class Query(Probe):
    """What probes of SQL share: where they ask, and the text that they ask.

    Nothing is asked about a span or a load when none is known, unless the text says `coalesce(:since, …)`: compared
    with NULL it would find nothing, and nothing would look like success. `timeout` is for each statement, in seconds.
    """

    database: str = "app"
    sql: str
    timeout: float = Field(30.0, gt=0)

    def question(self, scope: Scope, *texts: str) -> Sql | tuple[()]:
        """The texts as read-only statements with the scope's parameters; nothing where one of those is not known."""
        texts = tuple(statement(text, scope) for text in texts)
        vague = [name for text in texts for name in SPAN.findall(text) if scope.sql_params.get(name) is None]
        return () if vague else Sql(self.database, texts, scope.sql_params, self.timeout)

    def judge(self, *answers: Rows) -> Verdict:
        if not answers:
            return unknown("a span of time or a load to look at", "the SQL asks for one, and none is known here")
        return self.judge_rows(answers[0])

    def judge_rows(self, rows: Rows) -> Verdict:
        raise NotImplementedError


def statement(text: str, scope: Scope) -> str:
    """The SQL that a text means: itself, or the file in the system's folder `sql/` that it names (ConfigError).

    In a file, a line `\\ir other.sql` stands for that file, as it does for psql.
    """
    if FILE.fullmatch(text.strip()):
        folder = Path(scope.fill("{system}")) / "sql"
        text = INCLUDE.sub(lambda found: _file(folder / found[1]).rstrip(), _file(folder / text.strip()))
    return text.strip().rstrip(";")


def _file(path: Path) -> str:
    if not path.is_file():
        raise ConfigError("there is no such SQL file", where=str(path), fix="Correct its name where it is used.")
    return path.read_text(encoding="utf-8")


class Connect(Probe):
    """The database answers in time, and is new enough."""

    name: ClassVar[str] = "sql.connect"
    example: ClassVar[str] = "database: app\nwithin: 5\nversion_at_least: 15"
    database: str = "app"
    within: float = Field(5.0, gt=0)
    version_at_least: int | None = None

    def ask(self, scope: Scope) -> Sql:
        version = "select current_setting('server_version_num')::int, current_setting('server_version')"
        return Sql(self.database, (version,), timeout=self.within)

    def judge(self, rows: Rows) -> Verdict:
        ((number_, text),) = rows.sets[0]
        newer = f", version {self.version_at_least} or newer" if self.version_at_least else ""
        holds = rows.took <= self.within and int(str(number_)) // 10000 >= (self.version_at_least or 0)
        return judged(holds, f"an answer within {self.within:g} s{newer}", f"PostgreSQL {text} in {rows.took:.2f} s")


class Value(Bounded, Query):
    """One value, or with `each` the value of every label, keeps to its bounds; NULL and too few samples are unknown."""

    name: ClassVar[str] = "sql.value"
    example: ClassVar[str] = (
        "sql: select avg(ok::int) from extraction where at >= :since\nabove: 0.85\n"
        "samples: {sql: select count(*) from extraction where at >= :since, at_least: 20}"
    )
    samples: Samples | None = None
    each: bool = False
    unit: str = ""

    @model_validator(mode="after")
    def _counted_once(self) -> Value:
        if self.samples and self.each == bool(self.samples.sql):
            raise ValueError("samples need `sql`, but with `each` they are the third column and have none")
        return self

    def ask(self, scope: Scope) -> Sql | tuple[()]:
        return self.question(scope, self.sql, *([self.samples.sql] if self.samples and not self.each else []))

    def judge_rows(self, rows: Rows) -> Verdict:
        if self.each:
            return self._judge_each(rows)
        if len(rows.sets[0]) != 1:
            return unknown(self.text(self.unit), f"{len(rows.sets[0])} rows instead of one")
        counts = rows.sets[1][0] if len(rows.sets) > 1 and rows.sets[1] else (None,)
        lacking = self.samples.lacking(counts[0]) if self.samples else ""
        value, *_ = row = rows.sets[0][0]
        evidence = table(rows.columns[0], [row]) if len(row) > 1 and rows.columns else ""
        if lacking:
            return unknown(self.text(self.unit), lacking, f"value: {shown(value)}\n{evidence}".strip())
        return self.verdict(value, self.unit, evidence)

    def _judge_each(self, rows: Rows) -> Verdict:
        expected = f"each {self.text(self.unit)}"
        if not rows.sets[0]:
            return unknown(expected, "no rows")
        verdicts = [(row, self._judge_label(row)) for row in rows.sets[0]]
        lines = [(shown(row[0]), *map(shown, row[1:]), verdict.status.value) for row, verdict in verdicts]
        headings = rows.columns[0] if rows.columns else ("label", "value", "samples")[: len(lines[0]) - 1]
        states = [(verdict.status.value, f"{row[0]} {verdict.found}") for row, verdict in verdicts]
        whole = every(expected, states, {"pass"}, {"unknown"})
        return Verdict(whole.status, expected, whole.found, table([*headings, "judged"], lines))

    def _judge_label(self, row: tuple[object, ...]) -> Verdict:
        if self.samples:
            lacking = self.samples.lacking(row[2] if len(row) > 2 else None)
            if lacking:
                return unknown(self.text(), lacking)
        return self.verdict(row[1] if len(row) > 1 else None, self.unit)


class NoRows(Query):
    """The query finds no rows, or few enough: orphans, duplicates, things that should not be."""

    name: ClassVar[str] = "sql.rows"
    example: ClassVar[str] = "sql: select slug, count(*) from listing group by slug having count(*) > 1"
    at_most: int = Field(0, ge=0)
    samples: Samples | None = None

    def ask(self, scope: Scope) -> Sql | tuple[()]:
        counted = "select count(*) over () as rows_in_all, found.* from (\n{}\n) found limit {}"
        wanted = [counted.format(statement(self.sql, scope), SHOWN)]
        return self.question(scope, *wanted, *([self.samples.sql] if self.samples else []))

    def judge_rows(self, rows: Rows) -> Verdict:
        found = rows.sets[0]
        count = int(str(found[0][0])) if found else 0
        evidence = table(rows.columns[0][1:], [row[1:] for row in found]) if found and rows.columns else ""
        if self.samples and (lacking := self.samples.lacking(rows.sets[1][0][0] if rows.sets[1] else None)):
            return unknown(f"at most {self.at_most} rows", lacking, evidence)
        return judged(count <= self.at_most, f"at most {self.at_most} rows", f"{count} rows", evidence)


class Sample(Query):
    """There are rows for a person to look at; the rows are the evidence."""

    name: ClassVar[str] = "sql.sample"
    example: ClassVar[str] = "sql: select entity_name, summary from listing order by random() limit 20"
    at_least: int = Field(1, ge=1)
    limit: int = Field(50, ge=1)

    def ask(self, scope: Scope) -> Sql | tuple[()]:
        return self.question(scope, f"select * from (\n{statement(self.sql, scope)}\n) sample limit {self.limit}")

    def judge_rows(self, rows: Rows) -> Verdict:
        found, expected = rows.sets[0], f"at least {self.at_least} rows to look at"
        evidence = table(rows.columns[0], found) if found and rows.columns else ""
        return (passed if len(found) >= self.at_least else unknown)(expected, f"{len(found)} rows", evidence)


class Tables(Probe):
    """Every table exists, in a schema of the application's search path."""

    name: ClassVar[str] = "sql.tables"
    example: ClassVar[str] = "database: app\ntables: [listing, raw_ingestion]"
    database: str = "app"
    tables: tuple[str, ...] = Field(min_length=1)

    def ask(self, scope: Scope) -> Sql:
        return Sql(self.database, (SCHEMAS, TABLES))

    def judge(self, rows: Rows) -> Verdict:
        if not rows.sets[0][0][0]:
            return unknown("tables exist", NO_SCHEMA)
        there = {str(name) for (name, *_) in rows.sets[1]}
        states = [("there" if name in there else "missing", name) for name in self.tables]
        return every("tables exist", states, {"there"})


class Indexes(Probe):
    """A table has a valid, whole index on exactly these columns, in this order, whatever the index is called."""

    name: ClassVar[str] = "sql.indexes"
    example: ClassVar[str] = "table: listing\ncolumns: [[city], [latitude, longitude]]"
    database: str = "app"
    table: str
    columns: tuple[tuple[str, ...], ...] = Field(min_length=1)

    def ask(self, scope: Scope) -> Sql:
        return Sql(self.database, (SCHEMAS, TABLES, INDEXES), {"table": self.table})

    def judge(self, rows: Rows) -> Verdict:
        expected = f"valid indexes on {self.table}"
        if not rows.sets[0][0][0]:
            return unknown(expected, NO_SCHEMA)
        if self.table not in {name for (name, *_) in rows.sets[1]}:
            return failed(expected, f"there is no table {self.table}")
        states: dict[tuple[str, ...], str] = {}
        for valid, names, _ in sorted(rows.sets[2], key=lambda row: bool(row[0])):
            states[tuple(names)] = "there" if valid else "invalid"  # type: ignore[arg-type]  # text[] of the catalogue
        return every(expected, [(states.get(names, "missing"), ", ".join(names)) for names in self.columns], {"there"})


class Rights(Probe):
    """The application's role may read and write its tables and create in its schema, and is no superuser."""

    name: ClassVar[str] = "sql.rights"
    example: ClassVar[str] = "database: app\ntables: [listing, raw_ingestion]"
    database: str = "app"
    tables: tuple[str, ...] = Field(min_length=1)

    def ask(self, scope: Scope) -> Sql:
        return Sql(self.database, (ROLE, TABLES))

    def judge(self, rows: Rows) -> Verdict:
        ((role, superuser, create),) = rows.sets[0]
        rights = {name: "read, write" if may else "rights lack" for name, may in rows.sets[1]}
        states = [
            ("superuser" if superuser else "ordinary", f"role {role}"),
            ({None: "unknown", True: "may create"}.get(create, "may not create"), "schema"),  # type: ignore[call-overload]
            *((rights.get(table_, "missing"), table_) for table_ in self.tables),
        ]
        return every("enough rights, not too many", states, {"ordinary", "may create", "read, write"}, {"unknown"})


class Room(Probe):
    """The volume has room for some more copies of the database: the dump, and the restore that proves it."""

    name: ClassVar[str] = "sql.room"
    example: ClassVar[str] = "database: app\ncopies: 2\npath: '{backups}'"
    database: str = "app"
    copies: float = Field(2.0, gt=0)
    path: str = "{root}"

    def ask(self, scope: Scope) -> tuple[Shell, Sql]:
        return Shell(volume(scope, self.path)), Sql(self.database, ("select pg_database_size(current_database())",))

    def judge(self, output: Output, rows: Rows) -> Verdict:
        size, found = int(str(rows.sets[0][0][0])), space(output)
        expected = f"room for {self.copies:g} x {size / 1e6:.1f} MB"
        if found is None:
            return unknown(expected, "df did not answer as POSIX says", output.out)
        return judged(found[1] >= self.copies * size, expected, f"{found[1] / 1e6:.1f} MB free", output.out)


SCHEMAS = "select current_schemas(false)::text[]"
NO_SCHEMA = "no schema of the search path may be used"

TABLES = """
select c.relname::text,
       has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
       and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete') as may
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname = any(current_schemas(false))"""

ROLE = """
select rolname::text, rolsuper, has_schema_privilege(current_schema(), 'create')
from pg_roles where rolname = current_user"""

INDEXES = """
select i.indisvalid and i.indisready,
       array(select a.attname::text
             from unnest(i.indkey::int2[]) with ordinality k(attnum, place)
             left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
             where k.place <= i.indnkeyatts order by k.place),
       c.relname::text
from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_class t on t.oid = i.indrelid
join pg_namespace n on n.oid = t.relnamespace
where t.relname = :table and n.nspname = any(current_schemas(false)) and i.indpred is null"""
