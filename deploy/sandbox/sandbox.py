"""The sandbox of a checkout: every service that the environment `local` needs, below `.local/`, without root or Docker.

    .local/                        0700; one user's
        .lock                      held while the sandbox is started, stopped or reset
        keys.json                  0600; random passwords, made once
        postgres/                  PostgreSQL (for root a link: see places.py)
        valkey/                    the cache
        extraction_engine/         repository, servers (the practice sources and responder), target (what is deployed)
        extraction_engine.env      0600; the variables that the environment `local` is described with

Ports and passwords stay what they were from one start to the next, a port only while nobody else takes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import deploy
from deploy import durable
from deploy.errors import ConfigError
from deploy.sandbox import places, ports
from deploy.sandbox.account import service_account
from deploy.sandbox.binaries import find_postgres
from deploy.sandbox.daemon import Daemon
from deploy.sandbox.environment import adopt_options, base_python, responder, write_env
from deploy.sandbox.extraction_engine.history import make_repository
from deploy.sandbox.postgres import Postgres, is_marked, made_by, server_pid, serving, silent
from deploy.sandbox.private import Keyring, private_folder
from deploy.sandbox.valkey import Valkey

Say = Callable[[str], None]
LOCK = ".lock"


@dataclass(frozen=True)
class Service:
    """One server of the sandbox: its process id (None: it does not run) and the port it was last given."""

    name: str
    pid: int | None
    port: int | None


@dataclass(frozen=True)
class Sandbox:
    """A checkout's sandbox. Use `start`, `status`, `stop` and `reset` of this module."""

    project: Path

    @property
    def local(self) -> Path:
        return self.project / ".local"

    @property
    def engine(self) -> Path:
        return self.local / "extraction_engine"

    @property
    def env_file(self) -> Path:
        return self.local / "extraction_engine.env"

    @property
    def keys(self) -> Keyring:
        return Keyring(self.local / "keys.json")

    @cached_property
    def postgres_folder(self) -> Path:
        return places.postgres_folder(self.project, self.local, service_account())

    @cached_property
    def postgres(self) -> Postgres:
        account, data = service_account(), self.postgres_folder / "data"
        binaries = None if os.environ.get("POSTGRES_BIN") else serving(data)  # a server that runs need not be sought
        if binaries is None:
            found = find_postgres(made_by(data))
            binaries = places.reachable_binaries(found, account, self.postgres_folder.parent)
        return Postgres(self.postgres_folder, binaries, self.keys.secret("postgres"), account)

    @cached_property
    def valkey(self) -> Valkey:
        return Valkey(self.local / "valkey", self.keys.secret("valkey"))

    @cached_property
    def servers(self) -> Daemon:
        folder = self.engine / "servers"
        return Daemon("servers", folder, self._servers_command, cwd=Path(deploy.__file__).parents[1])

    def _servers_command(self, port: int) -> Sequence[str]:
        state = str(self.engine / "servers" / "state")
        module = "deploy.sandbox.extraction_engine.servers"
        return [sys.executable, "-m", module, "--port", str(port), "--state", state]

    @property
    def repository(self) -> Path:
        return self.engine / "repository"

    def services(self) -> tuple[Service, ...]:
        """The sandbox's servers, whether they run or not."""
        data = self.postgres_folder / "data"
        return (
            Service("PostgreSQL", server_pid(data), ports.remembered(self.postgres_folder / "port")),
            Service("Valkey", self.valkey.pid(), self.valkey.daemon.port),
            Service("practice servers", self.servers.pid(), self.servers.port),
        )


def start(project: Path, say: Say = silent) -> Sandbox:
    """Have every service run, the practice repository there and the env file written; repeatable at any time."""
    sandbox = Sandbox(project.resolve())
    adopt_options(sandbox.project)
    with _locked(sandbox, say):
        _check_keys(sandbox)
        _say_where(sandbox, say)
        sandbox.postgres.start(say)
        _prepare_database(sandbox)
        sandbox.valkey.start(say)
        private_folder(sandbox.engine)
        make_repository(sandbox.repository)
        private_folder(sandbox.servers.folder)
        sandbox.servers.start(say)
        _write_sources(sandbox)
        write_env(sandbox.env_file, _variables(sandbox))
    return sandbox


def status(project: Path) -> tuple[Service, ...]:
    """The sandbox's servers as they are now; empty where no sandbox was ever started."""
    sandbox = Sandbox(project.resolve())
    return sandbox.services() if sandbox.keys.path.exists() else ()


def stop(project: Path, say: Say = silent) -> None:
    """End every service; the data stays."""
    sandbox = Sandbox(project.resolve())
    if sandbox.keys.path.exists():
        with _locked(sandbox, say):
            _stop(sandbox)


def reset(project: Path, say: Say = silent) -> None:
    """End every service and remove all that is under `.local/`. Asks nothing: whoever calls has asked."""
    sandbox = Sandbox(project.resolve())
    if not sandbox.local.exists():
        return
    with _locked(sandbox, say):
        _stop(sandbox)
        places.remove_outside(sandbox.project)
        for path in sandbox.local.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()


def _stop(sandbox: Sandbox) -> None:
    sandbox.servers.stop()
    sandbox.valkey.stop()
    if server_pid(sandbox.postgres_folder / "data"):
        sandbox.postgres.stop()


@contextmanager
def _locked(sandbox: Sandbox, say: Say) -> Iterator[None]:
    """Let one command at a time change the sandbox; the lock ends with its holder, however that ends."""
    private_folder(sandbox.local)
    with (sandbox.local / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another command is at work on this sandbox: waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_keys(sandbox: Sandbox) -> None:
    """Without its passwords nobody can enter a database that was made with them."""
    if not sandbox.keys.path.exists() and is_marked(sandbox.postgres_folder / "data", "ready"):
        raise ConfigError(
            "the sandbox's passwords are gone", where=str(sandbox.keys.path), fix="Run: invoke sandbox.reset"
        )


def _say_where(sandbox: Sandbox, say: Say) -> None:
    account = sandbox.postgres.account
    if account and not sandbox.postgres.marked("ready"):
        say(f"PostgreSQL refuses to run as root: it runs as {account.name}, its data is in {sandbox.postgres_folder}.")


def _prepare_database(sandbox: Sandbox) -> None:
    """Make users and database once: one that is missing later was renamed by a deployment, which will mend it."""
    if not sandbox.postgres.marked("prepared"):
        from deploy.sandbox import roles  # psycopg takes longer to import than all else here

        keys = sandbox.keys
        roles.prepare(sandbox.postgres.url(), keys.secret(roles.APP), keys.secret(roles.ADMIN))
        sandbox.postgres.mark("prepared")


def _write_sources(sandbox: Sandbox) -> None:
    """The engine's sources, which belong to the environment, not to a release; kept while the address is the same."""
    path, base = (
        sandbox.engine / "target/shared/engine/config/sources.yaml",
        f"http://{ports.HOST}:{sandbox.servers.port}",
    )
    if not path.exists() or f"{base}/" not in path.read_text():
        from deploy.sandbox.extraction_engine.shared import sources_yaml  # a parser that a running sandbox needs not

        path.parent.mkdir(parents=True, exist_ok=True)
        durable.replace(path, sources_yaml(base, {}))


def _variables(sandbox: Sandbox) -> dict[str, str]:
    """What `system.yaml` of the practice engine asks its environment for."""
    base = f"http://{ports.HOST}:{sandbox.servers.port}"
    url, key = responder(f"{base}/anthropic", sandbox.keys)
    return {
        "SANDBOX_ROOT": str(sandbox.engine / "target"),
        "SANDBOX_REPOSITORY": str(sandbox.repository),
        "SANDBOX_DATABASE_URL": _engine_url(sandbox, "engine_app"),
        "SANDBOX_DATABASE_ADMIN_URL": _engine_url(sandbox, "engine_admin"),
        "SANDBOX_REDIS_URL": sandbox.valkey.url,
        "SANDBOX_SOURCES_URL": f"{base}/sources",
        "SANDBOX_ANTHROPIC_BASE_URL": url,
        "SANDBOX_ANTHROPIC_API_KEY": key,
        "SANDBOX_POSTGRES_BIN": str(sandbox.postgres.binaries.folder),
        "SANDBOX_PYTHON": str(base_python()),
    }


def _engine_url(sandbox: Sandbox, user: str) -> str:
    password = sandbox.keys.secret(user).reveal()
    return f"postgresql://{user}:{password}@{ports.HOST}:{sandbox.postgres.port}/engine"
