"""Database URLs: what applications write, and what libpq gets."""

from __future__ import annotations

import pytest

from deploy.channels import urls
from deploy.errors import ConfigError
from deploy.secret import Secret

PRISMA = Secret(
    "postgresql+psycopg2://app%40x:p%2Fw%3A1@db.example:6432/crawl?schema=public&sslmode=require&pgbouncer=true"
)
SOCKET = Secret("postgres:///app?host=/var/run/postgresql")


def test_another_database_of_the_same_server() -> None:
    assert urls.with_dbname(PRISMA, "a b/c").reveal() == (
        "postgresql+psycopg2://app%40x:p%2Fw%3A1@db.example:6432/a%20b%2Fc?schema=public&sslmode=require&pgbouncer=true"
    )
    assert urls.dbname(urls.with_dbname(PRISMA, "a b/c")) == "a b/c"
    assert urls.with_dbname(SOCKET, "b").reveal() == "postgres:///b?host=/var/run/postgresql"


def test_libpq_is_told_nothing_that_only_a_driver_understands() -> None:
    expected = "postgresql://app%40x:p%2Fw%3A1@db.example:6432/crawl?sslmode=require"
    assert urls.for_libpq(PRISMA).reveal() == expected
    assert urls.for_libpq(SOCKET).reveal() == "postgresql:///app?host=%2Fvar%2Frun%2Fpostgresql"


def test_variables_for_the_programs_of_postgresql() -> None:
    env, secrets = urls.variables(PRISMA)
    assert env == {
        "PGHOST": "db.example",
        "PGPORT": "6432",
        "PGUSER": "app@x",
        "PGDATABASE": "crawl",
        "PGSSLMODE": "require",
    }
    assert secrets["PGPASSWORD"].reveal() == "p/w:1"
    assert urls.variables(SOCKET) == ({"PGHOST": "/var/run/postgresql", "PGDATABASE": "app"}, {})


@pytest.mark.parametrize(
    "url", ["mysql://u:canary-pw@h/x", "canary-pw", "postgresql://u:canary-pw@h:port/x", "postgresql://u:canary-pw@h/"]
)
def test_a_url_that_leads_nowhere_is_an_error_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        urls.dbname(Secret(url))
    assert "canary" not in str(caught.value) and "postgresql://user" in caught.value.fix
