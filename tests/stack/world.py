"""A small Compose project with two stores and a service, in releases that differ, and deployments of them."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.deployment import Deployment
from deploy.question import Data, Docker
from deploy.site import Site
from deploy.steps.stack import ServicesStep, StoresStep
from deploy.system import Environment, System
from tests.backups.world import Said

from .hostbind import IMAGE, docker

POSTGRES = (
    "mkdir -p /data/db && chown -R 70:70 /data && cd /tmp && exec setpriv --reuid 70 --regid 70 --clear-groups sh -c"
    ' \'bin=$$(echo /usr/lib/postgresql/*/bin | cut -d" " -f1);'
    " test -e /data/db/PG_VERSION || $$bin/initdb -A trust -N -D /data/db >/dev/null;"
    " exec $$bin/postgres -D /data/db -k /tmp -c fsync=off'"
)
HEALTHY = 'test: ["CMD", "python3", "-c", "import urllib.request as u; u.urlopen(\'http://127.0.0.1:8000/\')"]'
COMPOSE = """
version: "2.4"
services:
  redis:
    image: {image}
    command: ["redis-server", "--save", "", "--dir", "/tmp"]
    volumes: ["/usr:/usr:ro", "./init:/init:ro"]
    restart: unless-stopped
    healthcheck: {{test: ["CMD", "redis-cli", "ping"], interval: 1s, timeout: 5s, retries: 10}}
  queue:
    image: {image}
    command: ["sleep", "600"]
    volumes: ["/usr:/usr:ro", "db:/data"]
    stop_signal: SIGKILL
    healthcheck: {{test: ["CMD", "true"], interval: {often}}}
  web:
    image: {image}
    command: {command}
    working_dir: /app
    environment: {{GREETING: "${{GREETING:-none}}"}}
    volumes: ["/usr:/usr:ro", "./app:/app:ro"]
    depends_on: {{redis: {{condition: service_healthy}}}}
    restart: "{restart}"
    stop_signal: SIGKILL
    healthcheck:
      {health}
      interval: 1s
      timeout: 5s
      retries: 3
      start_period: {patience}
{more}
"""
VOLUMES = "volumes: {{db: {{}}, pg: {{}}}}\n"
DATABASE = """
  postgres:
    image: {image}
    command: ["sh", "-c", {postgres}]
    volumes: ["/usr:/usr:ro", "pg:/data", "./init:/init:ro"]
    restart: unless-stopped
    stop_signal: SIGINT
    healthcheck:
      test: ["CMD-SHELL", "/usr/lib/postgresql/*/bin/pg_isready -q -h /tmp"]
      interval: 1s
      timeout: 5s
      retries: 30
"""
SERVE = '["python3", "-u", "-m", "http.server", "8000"]'


@dataclass
class World:
    """One environment below `root`, with a project of its own."""

    root: Path
    project: str
    v1: bool = False
    database: bool = False  # whether a PostgreSQL is among its stores
    said: Said = field(default_factory=Said)

    def release(self, name: str, **changes: str) -> None:
        """Write a release's folder; `changes` replace parts of its Compose file."""
        folder = self.root / "releases" / (name * 12)[:12]
        for part in ("app", "init"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "app" / "index.html").write_text(name)
        self.settings("GREETING=hello")
        parts = {
            "command": SERVE,
            "restart": "unless-stopped",
            "health": HEALTHY,
            "more": "",
            "often": "1s",
            "patience": "30s",
        }
        text = COMPOSE + DATABASE if self.database else COMPOSE
        text = (text + VOLUMES).format(image=IMAGE, postgres=_quoted(POSTGRES), **{**parts, **changes})
        (folder / "docker-compose.yaml").write_text(text)

    def settings(self, text: str) -> None:
        """Write the file that Compose takes its variables from."""
        (self.root / "shared").mkdir(exist_ok=True)
        (self.root / "shared" / ".env").write_text(f"{text}\n")

    def deployment(self, release: str, previous: str | None = None, **compose: Any) -> Deployment:
        stores = ["redis", "queue", *(["postgres"] if self.database else [])]
        described = {"stores": stores, "services": ["web"], "env_file": "{shared}/.env", "wait": 120, **compose}
        data = {"name": "s", "title": "S", "folder": self.root, "flow": ["prereqs"], "compose": described}
        path = (str(self.only_v1()),) if self.v1 else ()
        environment = Environment.model_validate(
            {"name": "t", "root": str(self.root), "repository": "", "path": path, "docker": {"project": self.project}}
        )
        before = (previous * 12)[:12] if previous else None
        system = System.model_validate(data)
        return Deployment("d", system, environment, Site(environment), "main", (release * 40)[:40], before)

    def only_v1(self) -> Path:
        """A folder whose Docker client has no Compose plugin."""
        folder = self.root / "v1"
        folder.mkdir(exist_ok=True)
        client = folder / "docker"
        real = shutil.which("docker")
        client.write_text(f'#!/bin/sh\n[ "$1" != compose ] || exit 1\nexec {real} "$@"\n')
        client.chmod(0o755)
        return folder

    def deploy(self, made: Deployment) -> dict[str, Any]:
        """Stores, then services, as a flow does them: asked first, with what was remembered before."""
        done = {}
        for step in (StoresStep(made), ServicesStep(made)):
            done[step.name] = step.done()
            if not done[step.name]:
                made.facts[step.name] = step.before()
                made.facts[step.name] = {**made.facts[step.name], **step.do(self.said)}
        return done

    def undo(self, made: Deployment) -> None:
        for step in (ServicesStep(made), StoresStep(made)):
            if step.name in made.facts:
                step.undo(made.facts[step.name], self.said)

    def rows(self) -> dict[str, dict[str, Any]]:
        """The project's containers by service, as the channel tells of them."""
        site = self.deployment("x").site
        (found,) = site.answer([("localhost", Docker("services"))])
        assert isinstance(found, Data), found
        assert isinstance(found.value, list)
        return {row["service"]: row for row in found.value}

    def ids(self) -> dict[str, str]:
        return {service: row["id"] for service, row in self.rows().items()}

    def page(self) -> str:
        """What the service answers: which release's files it serves."""
        code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/').read().decode())"
        return docker("exec", self.rows()["web"]["id"], "python3", "-c", code)


def _quoted(text: str) -> str:
    return '"' + textwrap.dedent(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
