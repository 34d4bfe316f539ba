"""Databases beside the one of the application: scratch copies, and copies that are about to take its place."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from deploy.backups.content import Connection, is_empty
from deploy.deployment import Deployment
from deploy.errors import ConfigError, StepFailed
from deploy.site import Site

LONGEST = 63  # bytes of a name in PostgreSQL; longer ones are cut without a word
SCRATCH = "pipeline-deploy scratch of"


def beside(dbname: str, suffix: str) -> str:
    """`<dbname>_<suffix>`, the first part cut where PostgreSQL would cut the last."""
    return dbname.encode()[: LONGEST - 1 - len(suffix.encode())].decode(errors="ignore") + f"_{suffix}"


@contextmanager
def administrator(site: Site, database: str) -> Iterator[Connection]:
    """A connection as administrator, to a database of the same server that is not the application's.

    Raises ConfigError without an administrator's URL, StepFailed for what PostgreSQL refuses.
    """
    given = site.environment.databases[database].admin_url
    if not given:
        raise ConfigError(
            f"no administrator's URL for the database {database!r}",
            where="DATABASE_ADMIN_URL",
            fix="Set it to the URL of a role that may create databases and is a member of the application's role.",
        )
    named = urlsplit(given.reveal()).path.lstrip("/")
    maintenance = named if named not in ("", site.dbname(database)) else "postgres"
    with refusals("as administrator"), site.connect(database, admin=True, dbname=maintenance) as connection:
        yield connection


@contextmanager
def refusals(doing: str) -> Iterator[None]:
    """What PostgreSQL refuses, as StepFailed."""
    try:
        yield
    except psycopg.Error as error:
        detail = error.diag.message_detail
        raise StepFailed(f"{doing}: {str(error).strip()}" + (f" ({detail})" if detail else "")) from error


def described(admin: Connection, dbname: str) -> Mapping[str, Any] | None:
    """A database's row in the catalogue with `owner` and `comment`, or None when there is none of this name."""
    rows = admin.execute(
        "SELECT to_jsonb(d) || jsonb_build_object('oid', oid::bigint, 'owner', pg_get_userbyid(datdba),"
        " 'comment', shobj_description(oid, 'pg_database')) FROM pg_catalog.pg_database d WHERE datname = %s",
        [dbname],
    ).fetchall()
    return rows[0][0] if rows else None


def create_like(admin: Connection, source: str, dbname: str, owner: str, comment: str) -> None:
    """An empty database with encoding and locale of `source`, owned by `owner`, with a comment that says what it is."""
    facts = described(admin, source)
    if not facts:
        raise StepFailed(f"there is no database {source}")
    admin.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 {}").format(
            sql.Identifier(dbname), sql.Identifier(owner), sql.SQL(" ").join(_locale(admin, facts))
        )
    )
    remark(admin, dbname, comment)


def _locale(admin: Connection, facts: Mapping[str, Any]) -> Iterator[sql.Composable]:
    encoding = admin.execute("SELECT pg_catalog.pg_encoding_to_char(%s)", [facts["encoding"]]).fetchall()[0][0]
    provider = {"c": "libc", "i": "icu", "b": "builtin"}[facts.get("datlocprovider", "c")]
    named = facts.get("datlocale") or facts.get("daticulocale")  # the latter until PostgreSQL 16
    options = {"ENCODING": encoding, "LC_COLLATE": facts["datcollate"], "LC_CTYPE": facts["datctype"]}
    if provider != "libc":
        options |= {"LOCALE_PROVIDER": provider, "ICU_LOCALE" if provider == "icu" else "BUILTIN_LOCALE": named}
    if facts.get("daticurules"):
        options["ICU_RULES"] = facts["daticurules"]
    for option, value in options.items():
        yield sql.SQL("{} = {}").format(sql.SQL(option), sql.Literal(value))


def remark(admin: Connection, dbname: str, comment: str | None) -> None:
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(dbname), sql.Literal(comment)))


def owner_of(site: Site, database: str) -> str:
    """The application's role, by the user of its URL."""
    return site.libpq(database)[0]["PGUSER"]


def create_scratch(site: Site, database: str, dbname: str, purpose: str) -> None:
    """An empty scratch database for the application's role; one that is left from before is replaced, if it is ours."""
    with administrator(site, database) as admin:
        with_a_second_try(
            lambda: drop_ours(site, database, admin, dbname),
            lambda: create_like(admin, site.dbname(database), dbname, owner_of(site, database), f"{SCRATCH} {purpose}"),
        )


def with_a_second_try(drop: Callable[[], object], create: Callable[[], object]) -> None:
    """Drop what is left, then create. The server may still be busy with the CREATE of a deployer that has just died;
    what that leaves is there only once ours was refused, and is dropped as well."""
    drop()
    try:
        create()
    except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        drop()
        create()


def drop_ours(site: Site, database: str, admin: Connection, dbname: str, mark: str = SCRATCH) -> bool:
    """Drop a database that carries our comment; False when there is none, StepFailed when it is somebody else's."""
    facts = described(admin, dbname)
    if not facts and _half_made(admin, dbname):
        facts = described(admin, dbname)
    if not facts:
        return False
    if not str(facts["comment"] or "").startswith(mark) and not _unmarked(site, database, dbname, facts):
        raise StepFailed(f"the database {dbname} is not ours: it does not carry the comment {mark!r}. Rename it.")
    drop(admin, dbname)
    return True


def _half_made(admin: Connection, dbname: str) -> bool:
    """Whether a deployer that has died was just creating it, which the server goes on with: that is ended."""
    query = (
        "SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity"
        " WHERE usename = current_user AND state = 'active' AND starts_with(query, %s)"
    )
    return bool(admin.execute(query, [f'CREATE DATABASE "{dbname}" OWNER ']).fetchall())


def drop(admin: Connection, dbname: str) -> None:
    """Drop a database, whoever is connected to it.

    A vacuum that PostgreSQL began there by itself belongs to nobody: FORCE may not end it, a plain DROP asks it to go.
    """
    try:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(dbname)))
    except psycopg.errors.InsufficientPrivilege:
        terminate(admin, [dbname])
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(dbname)))


def terminate(admin: Connection, names: list[str]) -> None:
    """End all sessions of people and programs on these databases."""
    admin.execute(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
        " WHERE datname = ANY(%s) AND usename IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()",
        [names],
    )


def _unmarked(site: Site, database: str, dbname: str, facts: Mapping[str, Any]) -> bool:
    """Whether we were cut off between creating it and saying so: no comment, and nothing in it to lose."""
    if facts["comment"] or not facts["datallowconn"]:
        return False
    with site.connect(database, admin=True, dbname=dbname) as connection:
        return is_empty(connection)


def drop_scratch(deployment: Deployment) -> list[str]:
    """Drop this deployment's scratch databases; returns the names of those that were there."""
    return [
        name
        for database in deployment.system.backup.databases
        for name in [deployment.scratch(database)]
        if dropped(deployment.site, database, name)
    ]


def dropped(site: Site, database: str, name: str) -> bool:
    """Drop one scratch database; whether it was there."""
    with administrator(site, database) as admin:
        return drop_ours(site, database, admin, name)


def drop_leftovers(deployment: Deployment) -> list[str]:
    """Drop scratch databases of other deployments: the lock says that they are over. Those in use stay."""
    return [
        name
        for database in deployment.system.backup.databases
        for name in leftovers_dropped(deployment.site, database, "deployment ", deployment.scratch(database))
    ]


def leftovers_dropped(site: Site, database: str, purpose: str, but: str = "") -> list[str]:
    """Drop the scratch databases made for such a purpose, but one, that nobody is connected to; their names."""
    found = (
        "SELECT datname FROM pg_catalog.pg_database WHERE starts_with(datname, %s)"
        " AND starts_with(shobj_description(oid, 'pg_database'), %s) AND datname <> %s"
    )
    with administrator(site, database) as admin:
        rows = admin.execute(found, [f"{site.dbname(database)}_scratch_", f"{SCRATCH} {purpose}", but]).fetchall()
        return [name for (name,) in rows if _drop_unused(admin, name)]


def _drop_unused(admin: Connection, name: str) -> bool:
    try:
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.ObjectInUse:
        return False
    return True


def seconds_since(began: float) -> float:
    return round(time.monotonic() - began, 3)
