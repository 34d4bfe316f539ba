"""What a sandbox's database server notes of its own work: how long each statement of the application's user took it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg

from deploy.sandbox.postgres import Postgres
from deploy.sandbox.roles import APP

DURATION = re.compile(rb"LOG:  duration: ([0-9.]+) ms")


@dataclass
class ServerLog:
    """Reads the server's log from where it was last read."""

    path: Path
    read: int = 0

    @classmethod
    def begun(cls, server: Postgres) -> ServerLog:
        """From now on, sessions of the application's user have their durations noted."""
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"alter role {APP} set log_duration = on".encode())
        return cls(server.log, server.log.stat().st_size)

    def seconds(self) -> float:
        """How long the server worked for these sessions since this was last asked: the sum of all statements."""
        with self.path.open("rb") as log:
            log.seek(self.read)
            text = log.read()
        self.read += len(text)
        return sum(map(float, DURATION.findall(text))) / 1000
