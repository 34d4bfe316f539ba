"""The connection to PostgreSQL that DATABASE_URL names."""

from __future__ import annotations

import os
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg

try:
    from engine.generated_client import MODELS
except ModuleNotFoundError as missing:
    raise RuntimeError("The client has not been generated yet: run `python -m engine.generate` first.") from missing

PRISMA_ONLY = {"schema", "connection_limit", "pool_timeout", "pgbouncer", "statement_cache_size", "socket_timeout"}

__all__ = ["MODELS", "connect"]


def connect(*, read_only: bool = False) -> psycopg.Connection:
    """An autocommit connection in UTC; `read_only` makes the server refuse every write."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise psycopg.OperationalError("DATABASE_URL is not set")
    address, options = _libpq(url)
    if read_only:
        options += " -c default_transaction_read_only=on"
    return psycopg.connect(address, autocommit=True, application_name="engine", options=options, connect_timeout=10)


def _libpq(url: str) -> tuple[str, str]:
    """The URL without the parameters that only Prisma knows; its `schema` becomes the search path."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    options = " ".join(filter(None, [query.pop("options", ""), "-c timezone=UTC"]))
    if "schema" in query:
        options += f" -c search_path={query['schema']}"
    kept = {key: value for key, value in query.items() if key not in PRISMA_ONLY}
    return urlunsplit(parts._replace(query=urlencode(kept))), options
