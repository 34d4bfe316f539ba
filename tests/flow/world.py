"""A small world to deploy in: a root folder, a database, a worker that runs, and a way to die at any moment in it."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from deploy import config, operate
from deploy.backups.content import Content, checksums
from deploy.errors import DeployError
from deploy.journal import Archive, Journal
from deploy.operate import Options
from deploy.result import Result
from deploy.session import Session, outcome
from deploy.site import Site
from deploy.system import DAYS

TINY = Path(__file__).parent / "tiny"
NEVER = Path("/nonexistent")  # the project folder of a session that reads no `.env`
KILLED = -signal.SIGKILL


class Silent:
    """A view, and the progress of its steps, that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.results: dict[str, Sequence[Result]] = {}

    def phase(self, name: str) -> None:
        self.told.append(name)

    def step(self, title: str) -> Silent:
        self.told.append(title)
        return self

    def checking(self, items: int) -> None:
        self.told.append(f"checking {items} items")

    def checked(self, phase: str, results: Sequence[Result], took: float) -> None:
        self.results[phase] = results

    def say(self, text: str) -> None:
        self.told.append(text)

    def count(self, done: int, total: int | None, what: str) -> None:
        self.told.append(f"{what} {done}")


@dataclass(frozen=True)
class Server:
    """Where databases are made, and the secrets of the two roles that work on them."""

    url: Callable[[str], str]  # of the superuser, by database
    host: str
    port: int
    bin: Path
    app_password: str
    admin_password: str
    api_key: str

    def superuser(self, dbname: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(dbname), autocommit=True)

    def roles(self) -> None:
        """`tiny_app` owns its database; `tiny_admin` may make databases and is a member of `tiny_app`."""
        with self.superuser() as connection:
            for role, password, right in (
                ("tiny_app", self.app_password, "nocreatedb"),
                ("tiny_admin", self.admin_password, "createdb"),
            ):
                connection.execute(f"create role {role} login {right} password '{password}'".encode())
            connection.execute("grant tiny_app, pg_read_all_stats to tiny_admin")

    def create(self, name: str, template: str = "template0") -> None:
        with self.superuser() as connection:
            connection.execute(f"create database {name} owner tiny_app template {template}".encode())


@dataclass(frozen=True)
class State:
    """What can be seen of a world from outside."""

    release: str | None
    workers: int
    outcomes: tuple[str, ...]
    locked: bool
    leftovers: tuple[str, ...]  # databases that should be gone
    flaws: tuple[str, ...]


@dataclass
class World:
    """One place of deployment. Every test has its own; processes of another are never found by this one."""

    folder: Path
    server: Server
    repository: Path
    releases: dict[str, str]
    name: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def systems(self) -> Path:
        return self.folder / "systems"

    @property
    def control(self) -> Path:
        return self.root / ".deploy"

    @property
    def worker(self) -> str:
        """What the command line of this world's worker says, and no other."""
        return f"tiny-worker-{self.name}"

    @property
    def environ(self) -> dict[str, str]:
        server = self.server
        address = f"{server.host}:{server.port}/{self.name}"
        today = DAYS[datetime.now(UTC).weekday()]
        return {
            "TINY_ROOT": str(self.root),
            "TINY_REPOSITORY": str(self.repository),
            "TINY_POSTGRES_BIN": str(server.bin),
            "TINY_DATABASE_URL": f"postgresql://tiny_app:{server.app_password}@{address}",
            "TINY_DATABASE_ADMIN_URL": f"postgresql://tiny_admin:{server.admin_password}@{address}",
            "TINY_DATABASE_HOST": server.host,
            "TINY_DATABASE_PORT": str(server.port),
            "TINY_DATABASE_USER": "tiny_app",
            "TINY_DATABASE_NAME": self.name,
            "TINY_DATABASE_PASSWORD": server.app_password,
            "TINY_API_KEY": server.api_key,
            "TINY_DAYS": today,
        }

    def write_system(self) -> None:
        """The folder that makes the system; nothing else does."""
        shutil.copytree(TINY, self.systems / "tiny")
        described = self.systems / "tiny" / "system.yaml"
        described.write_text(described.read_text().replace("tiny-worker-0000", self.worker))

    def session(self, environment: str = "test") -> Session:
        system = config.load_system(self.systems / "tiny")
        place = config.load_environment(system, environment, NEVER, self.environ)
        return Session(system, place, Site(place))

    def deploy(self, ref: str, **options: Any) -> Journal:
        return operate.deploy(self.session(), ref, Options(by="tester", **options), Silent())

    def resume(self, **options: Any) -> Journal:
        return operate.resume(self.session(), Options(by="tester", **options), Silent())

    def roll_back(self, to: str | None = None, database: str = "auto") -> list[Journal]:
        return operate.roll_back(self.session(), to, database, Options(by="tester"), Silent())

    def invoke(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """The real command line, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "invoke", "--search-root", str(TINY.parent.parent.parent), *words],
            env=self.command_environ | environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    @property
    def command_environ(self) -> dict[str, str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("DEPLOY_", "TINY_"))}
        systems = {"DEPLOY_SYSTEMS": str(self.systems), "DEPLOY_SYSTEM": "tiny", "DEPLOY_ENV": "test"}
        return {**ours, **systems, **self.environ, "NO_COLOR": "1", "COLUMNS": "200"}

    # -- what is seen from outside

    def content(self) -> Content:
        with self.server.superuser(self.name) as connection:
            return checksums(connection)

    def value(self, query: str) -> Any:
        with self.server.superuser(self.name) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row
        return row[0]

    def loads(self) -> dict[str, int]:
        """Rows of each load, by its id."""
        with self.server.superuser(self.name) as connection:
            return dict(connection.execute("select load_id, count(*) from record group by 1").fetchall())

    def columns(self) -> set[str]:
        with self.server.superuser(self.name) as connection:
            return {column.name for column in connection.execute("select * from place limit 0").description or ()}

    @property
    def archive(self) -> Archive:
        return Archive(self.control / "journals")

    def pids(self) -> list[int]:
        """This world's workers. What one of them is just starting still has its name, and is none."""
        argv = ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="]
        listing = subprocess.run(argv, check=True, capture_output=True, text=True)
        found = dict(map(int, line.split()[:2]) for line in listing.stdout.splitlines() if self.worker in line)
        return [pid for pid, parent in found.items() if parent not in found]

    def state(self) -> State:
        current = self.root / "current"
        with self.server.superuser() as connection:
            query = (
                "select datname from pg_database where starts_with(datname, %s) and datname not like '%%_replaced_%%'"
            )
            leftovers = [name for (name,) in connection.execute(query, [f"{self.name}_"]).fetchall()]
        return State(
            release=current.readlink().name if current.is_symlink() else None,
            workers=len(self.pids()),
            outcomes=tuple(outcome(journal) for journal in self.archive.journals()),
            locked=(self.control / "lock").exists(),
            leftovers=tuple(leftovers),
            flaws=tuple(self.archive.verify()),
        )

    # -- processes

    def start_worker(self) -> None:
        argv = ["sh", str(self.root / "current" / "worker.sh"), self.worker]
        subprocess.Popen(
            ["setsid", "-f", *argv],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).wait()
        while not self.pids():
            time.sleep(0.01)

    def stop_workers(self) -> None:
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)


def in_child(work: Callable[[], object], log: Path) -> int:
    """Do something in a forked child; its exit code as the command line would have it, negative for a signal."""
    return ended(fork(work, log))


def fork(work: Callable[[], object], log: Path) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child execs nothing and takes no lock of ours
        pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        with log.open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            code = _coded(work, file)
    finally:
        os._exit(code)


def _coded(work: Callable[[], object], file: Any) -> int:
    try:
        work()
    except DeployError as error:
        print(error, file=file, flush=True)
        return error.exit_code
    return 0


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def around_records(before: Callable[[str, int], None], after: Callable[[str, int], None]) -> Iterator[None]:
    """While it lasts, both are called around each journal record that is written, with `kind step` and its number."""
    original, numbers = Journal.append, itertools.count(1)

    def append(self: Journal, kind: str, **fields: Any) -> Any:
        number = next(numbers)  # several threads may write records of a fleet
        name = f"{kind} {fields.get('step', '')}".strip()
        before(name, number)
        record = original(self, kind, **fields)
        after(name, number)
        return record

    Journal.append = append  # type: ignore[method-assign]
    try:
        yield
    finally:
        Journal.append = original  # type: ignore[method-assign]


def killed_at(work: Callable[[], object], number: int, when: str, log: Path) -> None:
    """Do something in a child that dies right before (or after) it writes its journal record of that number."""

    def die(name: str, count: int) -> None:
        if count == number:
            kill_self()

    def live(name: str, count: int) -> None:
        pass

    with around_records(*((die, live) if when == "before" else (live, die))):
        code = in_child(work, log)
    assert code == KILLED, log.read_text()


def killed_after(work: Callable[[], object], name: str, delay: float, log: Path) -> None:
    """Do something in a child that dies so many seconds after it wrote its first record of that `kind step`."""

    def live(name: str, count: int) -> None:
        pass

    def arm(written: str, count: int) -> None:
        if written == name:
            threading.Timer(delay, kill_self).start()

    with around_records(live, arm):
        code = in_child(work, log)
    assert code == KILLED, log.read_text()
