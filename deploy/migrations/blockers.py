"""Who holds the locks that a migration waits for, seen from a second connection while it waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from deploy.secret import mask

LONGEST = 120
QUERY = """
select pid, usename, application_name, query, to_char(coalesce(xact_start, query_start), 'HH24:MI:SS'), state
from pg_stat_activity where pid = any(pg_blocking_pids(%s)) order by pid"""

Connect = Callable[[], "psycopg.Connection[Any]"]


def describe(row: tuple[Any, ...]) -> str:
    """One blocker as a line: who, since when, and with what."""
    pid, user, application, query, since, state = row
    text = mask(" ".join((query or "").split()))[:LONGEST]
    return f"pid {pid}, user {user}, {application or 'no application name'}, {state} since {since} UTC: {text}"


class Watcher:
    """Remembers who last blocked a backend; `seen` is empty when nobody did, or nobody could be asked."""

    def __init__(self) -> None:
        self.seen: tuple[str, ...] = ()

    @contextmanager
    def watching(self, connect: Connect, pid: int, interval: float) -> Iterator[Watcher]:
        """Look every `interval` seconds while the block runs."""
        self.seen = ()
        stop = threading.Event()
        thread = threading.Thread(target=self._look, args=(connect, pid, interval, stop), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            stop.set()
            thread.join()

    def _look(self, connect: Connect, pid: int, interval: float, stop: threading.Event) -> None:
        try:
            with connect() as connection:
                while not stop.wait(interval):
                    found = connection.execute(QUERY, [pid]).fetchall()
                    self.seen = tuple(describe(row) for row in found) or self.seen
        except psycopg.Error:
            return  # without this connection only the names are missing, never the migration's own error
