"""The private PostgreSQL server: what a crash, a reused id or another program leaves behind."""

from __future__ import annotations

import psycopg
import pytest

from tests.conftest import LivePostgres

pytestmark = pytest.mark.live


def test_server_answers_and_asks_for_its_password(postgres: LivePostgres) -> None:
    with psycopg.connect(postgres.create("answers")) as connection:
        assert connection.execute("select current_user").fetchone() == ("postgres",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url().replace(postgres.password, "wrong"))
