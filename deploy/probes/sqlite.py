"""A SQLite database that was moved to PostgreSQL: nothing was lost on the way. (The move itself is pgloader's work.)"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.reading import table
from deploy.probes.sh import quote
from deploy.question import Output, Rows, Shell, Sql
from deploy.result import Status, Verdict, judged
from deploy.scope import Scope

FOREIGN_KEYS = """
select c.relname::text, count(*) from pg_constraint k join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and k.convalidated and n.nspname = any(current_schemas(false)) group by 1"""


class Matches(Probe):
    """PostgreSQL has as many rows as a SQLite file, no orphans, no duplicates; skipped when no file is named.

    Orphans cannot be where every foreign key of the source is a validated constraint; that is what is compared.
    `unique` names columns whose values must differ. The file is read by the application's Python.
    """

    name: ClassVar[str] = "sqlite.matches"
    example: ClassVar[str] = "source: /srv/old/dev.db\ntables: [Listing, RawIngestion]\nunique: {Listing: [slug]}"
    database: str = "app"
    source: str = ""
    python: str = "{python}"
    tables: tuple[str, ...] = Field(min_length=1)
    unique: Mapping[str, tuple[str, ...]] = {}

    def ask(self, scope: Scope) -> tuple[Shell, Sql] | tuple[()]:
        if not scope.fill(self.source):
            return ()
        wanted = quote(scope, self.source, json.dumps(self.tables), json.dumps(dict(self.unique)))
        counts = [_sql("select count(*) from {}", name) for name in self.tables]
        doubles = [_sql(DOUBLES, name, *columns) for name, columns in self.unique.items()]
        reading = Shell(f"{quote(scope, self.python)} - {wanted} <<'PYTHON'\n{READ}PYTHON", timeout=120)
        return reading, Sql(self.database, (FOREIGN_KEYS, *counts, *doubles), timeout=120)

    def judge(self, *answers: Output | Rows) -> Verdict:
        expected = "equal counts, no orphans, no duplicates"
        if not answers:
            return Verdict(Status.SKIPPED, expected, "no SQLite file is named: nothing was moved")
        old, rows = json.loads(answers[0].out), answers[1].sets  # type: ignore[union-attr]  # as asked
        keys = {str(name): int(str(count)) for name, count in rows[0]}
        counts = [int(str(found[0][0])) for found in rows[1 : 1 + len(self.tables)]]
        doubles = {name: found[0][0] for name, found in zip(self.unique, rows[1 + len(self.tables) :], strict=True)}
        lines = [
            (
                name,
                old[name]["rows"],
                count,
                old[name]["keys"],
                keys.get(name, 0),
                old[name]["orphans"],
                doubles.get(name, 0),
            )
            for name, count in zip(self.tables, counts, strict=True)
        ]
        wrong = [
            n for n, before, now, had, has, orphans, twice in lines if before != now or has < had or orphans or twice
        ]
        headings = ("table", "rows before", "rows now", "keys before", "keys now", "orphans before", "duplicates")
        return judged(
            not wrong, expected, f"differs: {', '.join(wrong)}" if wrong else "the same", table(headings, lines)
        )


DOUBLES = "select count(*) from (select 1 from {0} where ({1}) is not null group by {1} having count(*) > 1) twice"


def _sql(text: str, name: str, *columns: str) -> str:
    from psycopg import sql  # here: few checklists move a SQLite database, and all of them load this module

    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(text).format(sql.Identifier(name), listed).as_string()


READ = """\
import json, pathlib, sqlite3, sys
quoted = lambda name: '"' + name.replace('"', '""') + '"'
source = sqlite3.connect(pathlib.Path(sys.argv[1]).resolve().as_uri() + "?mode=ro", uri=True)
one = lambda text: source.execute(text).fetchall()
if one("pragma quick_check") != [("ok",)]:
    sys.exit("the file is damaged")
found = {
    name: {
        "rows": one("select count(*) from " + quoted(name))[0][0],
        "keys": len({row[0] for row in one("pragma foreign_key_list(%s)" % quoted(name))}),
        "orphans": len(one("pragma foreign_key_check(%s)" % quoted(name))),
    }
    for name in json.loads(sys.argv[2])
}
print(json.dumps(found))
"""
