"""What monitors are tested with: a small checklist, results as told, routes that fail on request, a real receiver."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from deploy.checklists.checklist import Checklist, parse
from deploy.endpoints import Alerts
from deploy.monitor.loop import Monitor
from deploy.monitor.messages import Place
from deploy.monitor.routes import Route
from deploy.monitor.state import Keeper
from deploy.result import Result, Status

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLACE = Place("shop", "prod")
URL = "json://127.0.0.1:9/canary-token-1"
TEXT = """
## monitor

- [ ] The database answers
  ```yaml
  id: database
  probe: sql.connect
  action: Restart it.
  ```
- [ ] Few records fail
  ```yaml
  id: failures
  probe: sql.value
  sql: select count(*) from failure
  at_most: 0.1
  for: 10m
  ```
- [ ] The queue is short
  ```yaml
  id: queue
  severity: warning
  probe: sql.value
  sql: select count(*) from queue
  above: 0
  at_most: 100
  ```
- [ ] The page is there
  ```yaml
  id: page
  severity: info
  probe: http.answers
  url: http://localhost/
  ```
- [ ] Somebody is on call
"""


@cache
def checklist(text: str = TEXT) -> Checklist:
    return parse(text, Path("checklist.md"))


def results(**statuses: str) -> list[Result]:
    """A result for each item that is not a sign-off; all pass but those that are told, `_` for `-`."""
    told = {key.replace("_", "-"): value for key, value in statuses.items()}
    found = [item for item in checklist().items if item.probe]
    return [
        Result(i.id, i.title, i.phase, i.severity, Status(told.get(i.id, "pass")), "1", "2", action=i.action, host="h")
        for i in found
    ]


@dataclass
class Sent:
    """A sender that keeps what it was given; while `down`, nothing gets through."""

    down: bool = False
    taken: list[tuple[str, str, str, str]] = field(default_factory=list)  # route, title, body, tone

    def __call__(self, route: Route, title: str, body: str, tone: str) -> str:
        if self.down:
            return "not reached, or not accepted"
        self.taken.append((route.url.reveal(), title, body, tone))
        return ""

    def ids(self, url: str = URL) -> list[str]:
        rows = [row for to, _, body, _ in self.taken if to == url for row in body.splitlines()]
        return [row.split()[1] for row in rows if row.startswith("id ")]


def alerts(**more: Any) -> Alerts:
    return Alerts.model_validate({"routes": {"critical": URL}, "every": "1m", **more})


def make(folder: Path, send: Any, **more: Any) -> Monitor:
    return Monitor(PLACE, alerts(**more), checklist(), Keeper(folder), send)


def play(monitor: Monitor, story: Mapping[int, Mapping[str, str]], minutes: int, begin: int = 0) -> list[str]:
    """A round a minute; from each minute of the story on, those items have those statuses. What was told, as ids."""
    told: list[str] = []
    current: Mapping[str, str] = {}
    for minute in range(begin, begin + minutes):
        current = story.get(minute, current)
        told += monitor.round(results(**current), START + timedelta(minutes=minute)).told
    return told


@contextmanager
def receiver() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A webhook that is really there: its port, and what was posted to it. Paths that start with /no are refused."""
    posted: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            refused = self.path.startswith("/no")
            if not refused:
                posted.append(json.loads(content))
            self.send_response(503 if refused else 200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1], posted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
