"""Connections to the database crawl_data: two to ten, made once for a process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from psycopg2.pool import ThreadedConnectionPool

LEAST, MOST = 2, 10


@lru_cache(maxsize=1)
def pool() -> ThreadedConnectionPool:
    return ThreadedConnectionPool(LEAST, MOST, os.environ["CRAWL_DATABASE_URL"], application_name="tiki-crawl")


@contextmanager
def connection() -> Iterator[Any]:
    """A connection in a transaction: committed at the end, rolled back when something is raised."""
    taken = pool().getconn()
    try:
        yield taken
        taken.commit()
    finally:
        taken.rollback()  # of what is not committed
        pool().putconn(taken)
