"""The database of the practice engine, and the two users that work on it."""

from __future__ import annotations

import psycopg
from psycopg import sql

from deploy.secret import Secret

DATABASE, APP, ADMIN = "engine", "engine_app", "engine_admin"


def prepare(superuser_url: str, app_password: Secret, admin_password: Secret) -> None:
    """Make the two users and the database, or set the passwords anew where they exist already.

    - `engine_app` owns the database, so that it owns what it makes there, may use extensions and its own schemas, and
      needs no grant that a dump does not carry. It could drop its database, but cannot make or rename one.
    - `engine_admin` may create databases and is a member of `engine_app`: it can make a scratch database *owned by*
      `engine_app`, restore into it with the original owners, rename what `engine_app` owns, end its sessions and dump
      all it owns. It reads everybody's session statistics, to tell who blocks. It is no superuser.

    Make scratch databases with `create database x owner engine_app`: from PostgreSQL 15 on only a database's owner may
    create in its schema `public`, and a restore that gives a table to `engine_app` needs that right to be there.
    """
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        _have_role(connection, APP, app_password, "nocreatedb")
        _have_role(connection, ADMIN, admin_password, "createdb")
        for granted in (APP, "pg_read_all_stats"):
            connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(granted), sql.Identifier(ADMIN)))
        if not _exists(connection, "select 1 from pg_database where datname = %s", DATABASE):
            statement = sql.SQL("create database {} owner {}").format(sql.Identifier(DATABASE), sql.Identifier(APP))
            connection.execute(statement)


def _have_role(connection: psycopg.Connection, name: str, password: Secret, rights: str) -> None:
    """Make or correct a user; only the password's verifier is sent, so no log of the server can hold the password."""
    verifier = connection.pgconn.encrypt_password(password.reveal().encode(), name.encode(), b"scram-sha-256").decode()
    verb = "alter" if _exists(connection, "select 1 from pg_roles where rolname = %s", name) else "create"
    statement = sql.SQL("{} role {} login nosuperuser nocreaterole {} password {}").format(
        sql.SQL(verb), sql.Identifier(name), sql.SQL(rights), sql.Literal(verifier)
    )
    connection.execute(statement)


def _exists(connection: psycopg.Connection, query: str, name: str) -> bool:
    return connection.execute(query.encode(), (name,)).fetchone() is not None
