"""A database's schema as data: one entry for each object, its definition from the catalogs, the same on any server.

The histories of migrations and what extensions bring are left out. Names are always printed with their schema, whatever
the session's search path is; the order of columns does not count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deploy.migrations.layout import TABLES

if TYPE_CHECKING:
    import psycopg

Fingerprint = dict[str, str]

_HISTORIES = ", ".join(f"'{table}'" for table in TABLES.values())
SQL = f"""
with path as materialized (select set_config('search_path', 'pg_catalog', true)),
spaces as materialized (
    select n.oid, n.nspname as name from pg_namespace n, path
    where n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'
),
brought as materialized (select classid, objid from pg_depend where deptype = 'e'),
relations as materialized (
    select c.oid, c.relkind, c.relpersistence, c.relrowsecurity, format('%I.%I', s.name, c.relname) as name
    from pg_class c join spaces s on s.oid = c.relnamespace
    where c.relname not in ({_HISTORIES})
    and not exists (select from brought b where b.classid = 'pg_class'::regclass and b.objid = c.oid)
),
tables as materialized (select * from relations where relkind in ('r', 'p', 'v', 'm', 'f'))
select 'table ' || t.name as object,
    format('%s%s%s', t.relkind, t.relpersistence, case when t.relrowsecurity then ' row security' end) as definition
from tables t
union all
select format('column %s.%I', t.name, a.attname), format_type(a.atttypid, a.atttypmod)
    || case when a.attnotnull then ' not null' else '' end
    || case when a.attgenerated <> '' then ' generated' else '' end
    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
    || case a.attidentity when 'a' then ' identity always' when 'd' then ' identity by default' else '' end
    || coalesce(' collate ' || nullif(a.attcollation, y.typcollation)::regcollation::text, '')
from path, tables t join pg_attribute a on a.attrelid = t.oid join pg_type y on y.oid = a.atttypid
left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum
where a.attnum > 0 and not a.attisdropped
union all
select format('constraint %I on %s', k.conname, t.name), pg_get_constraintdef(k.oid)
from path, tables t join pg_constraint k on k.conrelid = t.oid where k.contype <> 'n'
union all
select 'index ' || r.name, pg_get_indexdef(r.oid) || case when i.indisvalid and i.indisready then '' else ' INVALID' end
from path, relations r join pg_index i on i.indexrelid = r.oid join tables t on t.oid = i.indrelid
union all
select 'sequence ' || r.name, format('%s from %s by %s, %s to %s%s', format_type(q.seqtypid, null), q.seqstart,
    q.seqincrement, q.seqmin, q.seqmax, case when q.seqcycle then ' cycle' else '' end)
from path, relations r join pg_sequence q on q.seqrelid = r.oid
union all
select 'view ' || t.name, pg_get_viewdef(t.oid) from path, tables t where t.relkind in ('v', 'm')
union all
select format('trigger %I on %s', g.tgname, t.name), format('%s %s', pg_get_triggerdef(g.oid), g.tgenabled)
from path, tables t join pg_trigger g on g.tgrelid = t.oid where not g.tgisinternal
union all
select format('enum %I.%I', s.name, y.typname), string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
from path, spaces s join pg_type y on y.typnamespace = s.oid join pg_enum e on e.enumtypid = y.oid
where not exists (select from brought b where b.classid = 'pg_type'::regclass and b.objid = y.oid)
group by s.name, y.typname
union all
select format('function %I.%I(%s)', s.name, p.proname, pg_get_function_identity_arguments(p.oid)),
    md5(pg_get_functiondef(p.oid))
from path, spaces s join pg_proc p on p.pronamespace = s.oid
where p.prokind in ('f', 'p')
and not exists (select from brought b where b.classid = 'pg_proc'::regclass and b.objid = p.oid)
order by 1"""


def of(connection: psycopg.Connection[Any]) -> Fingerprint:
    """The fingerprint of a database."""
    return from_rows(connection.execute(SQL.encode()).fetchall())


def from_rows(rows: Sequence[Sequence[Any]]) -> Fingerprint:
    return {str(name): str(definition) for name, definition in rows}


def differences(expected: Mapping[str, str], found: Mapping[str, str], *, more: bool = False) -> list[str]:
    """What differs, one line for each object; `more` allows objects that nobody expected (what a rollback kept)."""
    lines = [f"{name}: missing" for name in expected if name not in found]
    lines += [f"{name}: is {found[name]}, not {expected[name]}" for name in expected if _changed(name, expected, found)]
    lines += [] if more else [f"{name}: in no migration" for name in found if name not in expected]
    return sorted(lines)


def _changed(name: str, expected: Mapping[str, str], found: Mapping[str, str]) -> bool:
    return name in found and _plain(found[name]) != _plain(expected[name])


def _plain(definition: str) -> str:
    """`x IN (…)` comes back from a dump with its casts elsewhere: there, casts and parentheses do not count."""
    if "= ANY" not in definition and "<> ALL" not in definition:
        return definition
    return re.sub(r"::[\w ]+(\(\d+\))?(\[\])?|[()]", "", definition)
