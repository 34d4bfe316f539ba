"""The tiny system with a few items to monitor, and a database that can be away."""

from __future__ import annotations

import time
from pathlib import Path

from deploy import config
from deploy.session import Session
from deploy.site import Site
from tests.flow.world import NEVER, World

ITEMS = """
## monitor

- [ ] The database answers
  ```yaml
  id: database-alive
  probe: sql.connect
  action: Start it.
  ```
- [ ] There are records
  ```yaml
  id: records
  probe: sql.value
  sql: select count(*) from record
  at_least: 40
  action: Load again.
  ```
- [ ] There are places
  ```yaml
  id: places
  severity: warning
  probe: sql.value
  sql: select count(*) from place
  at_least: 1
  ```
- [ ] The disk has room
  ```yaml
  id: room
  probe: files.free
  path: "{root}"
  at_least: 0
  ```
"""
ALERTS = """    alerts:
      routes: {critical: "${TINY_ALERT_URLS:-}"}
      every: EVERY
"""


def monitored(world: World, every: str = "5m") -> World:
    """Give a world's system the phase, and routes by the variable TINY_ALERT_URLS."""
    folder = world.systems / "tiny"
    listed = folder / "checklist.md"
    listed.write_text(listed.read_text() + ITEMS)
    described = folder / "system.yaml"
    wanted = ALERTS.replace("EVERY", every)
    described.write_text(described.read_text().replace("  test:\n", f"  test:\n{wanted}", 1))
    return world


def session(world: World, urls: str) -> Session:
    system = config.load_system(world.systems / "tiny")
    place = config.load_environment(system, "test", NEVER, {**world.environ, "TINY_ALERT_URLS": urls})
    return Session(system, place, Site(place))


def away(world: World) -> None:
    """The database lets nobody in, as while it restarts."""
    with world.server.superuser() as connection:
        connection.execute(f"alter database {world.name} with allow_connections false".encode())
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [world.name])


def back(world: World) -> None:
    with world.server.superuser() as connection:
        connection.execute(f"alter database {world.name} with allow_connections true".encode())


def eventually(what: str, holds: object, seconds: float = 90.0) -> None:
    """Wait until it holds; say what did not."""
    assert callable(holds)
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def ids(message: str) -> list[str]:
    """The ids of the events that a message tells of."""
    return [line.split()[1] for line in message.splitlines() if line.startswith("id ")]


def folder_of(world: World) -> Path:
    return world.control / "monitor"
