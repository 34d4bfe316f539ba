"""What the sandbox keeps for the environment `compose` of the practice Tiki pipeline: `prepare()`, `down()`.

    .local/tiki_pipeline/          0700
        keys.json                  0600; random passwords, made once
        *.port                     the published ports
        repository/                the practice repository (history.py), to clone from
        target/                    SANDBOX_TIKI_ROOT: what is deployed; `shared/` belongs to the environment
        target/shared/.env         0600; what Compose reads: the release links to it
        target/shared/sandbox.yml  a further Compose file: this machine's stand-ins for the images' own content
    .local/tiki_pipeline.env       0600; the variables below

The variables:

    SANDBOX_TIKI_ROOT              the folder to deploy to
    SANDBOX_TIKI_REPOSITORY        the repository to deploy from (branch main; history.BRANCHES)
    SANDBOX_TIKI_PYTHON            makes the virtual environment for the project's own validation scripts
    SANDBOX_TIKI_PROJECT           the Compose project's name
    SANDBOX_TIKI_COMPOSE           the command of Compose: `docker compose`
    SANDBOX_TIKI_OVERRIDE          the absolute path of sandbox.yml: the last of the Compose files
    SANDBOX_TIKI_DOCKER_HOST       the Engine's address: unix:///var/run/docker.sock
    SANDBOX_TIKI_DOCKER_SOCKET     the same as a path: /var/run/docker.sock
    SANDBOX_TIKI_POSTGRES_PORT     published on 127.0.0.1
    SANDBOX_TIKI_POSTGRES_USER     the one role of the stack: it owns both databases and may create others
    SANDBOX_TIKI_POSTGRES_PASSWORD
    SANDBOX_TIKI_POSTGRES_BIN      the folder of psql, pg_dump, pg_restore, of the server's version
    SANDBOX_TIKI_DATABASE_URL      database crawl_data
    SANDBOX_TIKI_DATABASE_ADMIN_URL  the same, with the right to create and rename databases
    SANDBOX_TIKI_METADATA_URL      database airflow
    SANDBOX_TIKI_METADATA_ADMIN_URL
    SANDBOX_TIKI_REDIS_PORT        published on 127.0.0.1
    SANDBOX_TIKI_REDIS_PASSWORD
    SANDBOX_TIKI_REDIS_URL         database 0, Celery's broker
    SANDBOX_TIKI_CACHE_URL         database 1, the crawler's cache
    SANDBOX_TIKI_API_PORT          published on 127.0.0.1
    SANDBOX_TIKI_API_URL           http://127.0.0.1:PORT
    SANDBOX_TIKI_AIRFLOW_USER      who logs in there (FAB, role Admin)
    SANDBOX_TIKI_AIRFLOW_PASSWORD
    SANDBOX_TIKI_SHOP_PORT         the practice shop, on 127.0.0.1; its own Compose project `<project>-shop`

Of what is shared a release links `.env`; Airflow's logs and data lie in `shared/logs` and `shared/data`. Compose files
of a release, in order: docker-compose.yml, docker-compose.performance.yml, then SANDBOX_TIKI_OVERRIDE. Stateful
services: postgres, redis. The others: airflow-init (runs once and ends with 0), airflow-apiserver, airflow-scheduler,
airflow-dag-processor, airflow-worker. Migrations: layout `sql`, folder `migrations`, database crawl_data.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deploy.sandbox import ports
from deploy.sandbox.environment import base_python, write_env
from deploy.sandbox.postgres import silent
from deploy.sandbox.private import Keyring, private_folder
from deploy.sandbox.tiki_pipeline import airflow_venv, compose_plugin, engine, images, machine, override
from deploy.sandbox.tiki_pipeline.history import make_repository

Say = Callable[[str], None]
USER, AIRFLOW_USER = "tiki", "operator"
PUBLISHED = ("postgres", "redis", "api", "shop")
SHOP_SECONDS = 120.0


@dataclass(frozen=True)
class Stack:
    """What the sandbox of this checkout keeps for the practice pipeline."""

    project: Path

    @property
    def folder(self) -> Path:
        return self.project / ".local" / "tiki_pipeline"

    @property
    def env_file(self) -> Path:
        return self.project / ".local" / "tiki_pipeline.env"

    @property
    def shared(self) -> Path:
        return self.folder / "target" / "shared"

    @property
    def name(self) -> str:
        """The Compose project: one for each checkout, since the Engine serves all of the machine."""
        return f"tiki-{hashlib.sha256(str(self.project.resolve()).encode()).hexdigest()[:8]}"

    def key(self, name: str) -> str:
        return Keyring(self.folder / "keys.json").secret(name).reveal()

    @cached_property
    def ports(self) -> dict[str, int]:
        """The published ports: what our own containers hold is kept, and what is free; the others move."""
        ours = published(self.name) | published(f"{self.name}-shop")
        return {name: _port(self.folder / f"{name}.port", ours) for name in PUBLISHED}


def _port(path: Path, ours: set[int]) -> int:
    port = ports.remembered(path)
    return port if port in ours and port is not None else ports.choose(path)


def prepare(project: Path, say: Say = silent) -> Stack:
    """Have the Engine, Compose, Airflow, images, repository, settings and the shop ready; repeatable at any time.

    The stack itself is not started: that is what a deployment does. ConfigError tells what the machine lacks.
    """
    host = engine.ensure(say)
    compose_plugin.ensure(say)
    programs = images.Programs.found(airflow_venv.ensure(say))
    stack = Stack(project.resolve())
    with machine.only_one(stack.name):
        _write(stack, host, programs)
        _start_shop(stack)
    return stack


def _write(stack: Stack, host: str, programs: images.Programs) -> None:
    """Have every file of the stack as this machine and the template want it."""
    private_folder(stack.folder.parent)
    private_folder(stack.folder)
    for name in ("logs", "data"):
        (stack.shared / name).mkdir(parents=True, exist_ok=True)
    make_repository(stack.folder / "repository")
    names = images.ensure(programs)
    write_env(stack.shared / ".env", settings(stack, names))
    override.write(stack.shared / "sandbox.yml", override.stack(programs, stack.name))
    shop = override.shop(programs, names["airflow"], stack.name, stack.ports["shop"])
    override.write(stack.folder / "shop.yml", shop)
    write_env(stack.env_file, variables(stack, host, programs))


def published(project: str) -> set[int]:
    """The ports of this host that a Compose project's running containers hold."""
    label = f"label=com.docker.compose.project={project}"
    said = machine.run(["docker", "ps", "--filter", label, "--format", "{{.Ports}}"], timeout=30)
    return {int(port) for port in re.findall(r":(\d+)->", said)}


def stop(project: Path) -> None:
    """Stop the stack and the shop; containers and data stay. Nothing where there is no stack or no Engine."""
    _each_project(project, ["stop"])


def down(project: Path) -> None:
    """Remove the stack and the shop with their data. Asks nothing: whoever calls has asked."""
    _each_project(project, ["down", "--volumes", "--remove-orphans", "--timeout", "5"])


def _each_project(project: Path, words: list[str]) -> None:
    stack = Stack(project.resolve())
    reachable = shutil.which("docker") and (os.environ.get("DOCKER_HOST") or engine.answers())
    if not stack.env_file.exists() or not reachable:
        return
    for name in (stack.name, f"{stack.name}-shop"):
        machine.run([*compose_plugin.V2, "--project-name", name, *words], timeout=300)


def _start_shop(stack: Stack) -> None:
    argv = [*compose_plugin.V2, "--file", str(stack.folder / "shop.yml"), "--project-name", f"{stack.name}-shop"]
    machine.run([*argv, "up", "--detach", "--wait"], timeout=SHOP_SECONDS)


def settings(stack: Stack, image_names: dict[str, str]) -> dict[str, str]:
    """What Compose reads from `.env`: every name of the template's .env.example."""
    bind = {name: f"{ports.HOST}:{port}" for name, port in stack.ports.items()}
    return {
        "AIRFLOW_UID": str(os.geteuid()),
        "COMPOSE_PROJECT_NAME": stack.name,
        "AIRFLOW_IMAGE_NAME": image_names["airflow"],
        "POSTGRES_IMAGE": image_names["postgres"],
        "REDIS_IMAGE": image_names["redis"],
        "POSTGRES_USER": USER,
        "POSTGRES_PASSWORD": stack.key("postgres"),
        "REDIS_PASSWORD": stack.key("redis"),
        "_AIRFLOW_WWW_USER_USERNAME": AIRFLOW_USER,
        "_AIRFLOW_WWW_USER_PASSWORD": stack.key("airflow"),
        "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(stack.key("fernet").encode()).decode(),
        "AIRFLOW_JWT_SECRET": stack.key("jwt"),
        "AIRFLOW_SECRET_KEY": stack.key("session"),
        "POSTGRES_BIND": bind["postgres"],
        "REDIS_BIND": bind["redis"],
        "AIRFLOW_API_BIND": bind["api"],
        "TIKI_SHARED_DIR": str(stack.shared),
        "TIKI_BASE_URL": "http://shop:8000",
        "TIKI_DAG_SCHEDULE_MODE": "scheduled",
        "NOTIFY_WEBHOOK_URL": "",
        "SMTP_HOST": "localhost",
        "SMTP_MAIL_FROM": "airflow@example.com",
    }


def variables(stack: Stack, host: str, programs: images.Programs) -> dict[str, str]:
    """What `system.yaml` of the practice pipeline asks its environment for."""
    database, cache = stack.key("postgres"), stack.key("redis")
    server = f"postgresql://{USER}:{database}@{ports.HOST}:{stack.ports['postgres']}"
    redis = f"redis://:{cache}@{ports.HOST}:{stack.ports['redis']}"
    found = {
        "ROOT": str(stack.folder / "target"),
        "REPOSITORY": str(stack.folder / "repository"),
        "PYTHON": str(base_python()),
        "PROJECT": stack.name,
        "COMPOSE": " ".join(compose_plugin.V2),
        "OVERRIDE": str(stack.shared / "sandbox.yml"),
        "DOCKER_HOST": host,
        "DOCKER_SOCKET": host.removeprefix("unix://"),
        "POSTGRES_USER": USER,
        "POSTGRES_PASSWORD": database,
        "POSTGRES_BIN": str(programs.postgres.folder),
        "DATABASE_URL": f"{server}/crawl_data",
        "DATABASE_ADMIN_URL": f"{server}/crawl_data",
        "METADATA_URL": f"{server}/airflow",
        "METADATA_ADMIN_URL": f"{server}/airflow",
        "REDIS_PASSWORD": cache,
        "REDIS_URL": f"{redis}/0",
        "CACHE_URL": f"{redis}/1",
        "API_URL": f"http://{ports.HOST}:{stack.ports['api']}",
        "AIRFLOW_USER": AIRFLOW_USER,
        "AIRFLOW_PASSWORD": stack.key("airflow"),
        **{f"{name.upper()}_PORT": str(port) for name, port in stack.ports.items()},
    }
    return {f"SANDBOX_TIKI_{name}": value for name, value in found.items()}
