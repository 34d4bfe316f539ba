"""A checkout of its own, with a sandbox of its own, driven through the real command line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psycopg
from dotenv import dotenv_values
from psycopg import sql

from deploy.backups import content
from deploy.backups.content import Content
from deploy.folders import PROJECT
from deploy.journal import Archive, Journal, Record

DATABASE = "engine"
KEPT = "snapshot_"  # databases of ours, which no deployment knows
NOT_COPIED = {"venvs"}  # virtual environments are shared by their hash, whatever is deployed
PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Snapshot:
    """A state that was saved: what production held in it, and what it looked like."""

    name: str
    content: Content
    shape: str
    release: str | None


@dataclass
class Checkout:
    """The project's files in another folder; `invoke` runs there with the interpreter of these tests."""

    folder: Path
    snapshots: dict[str, Snapshot] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, **more: Any) -> Self:
        """Copy what git tracks or would track, as it is now."""
        listed = subprocess.run(
            ["git", "-C", str(PROJECT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True,
            capture_output=True,
        )
        for name in sorted(listed.stdout.decode().split("\0")):
            source, target = PROJECT / name, folder / name
            if name and not name.startswith("tests/") and source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        return cls(folder, **more)

    # -- the command line

    @property
    def environ(self) -> dict[str, str]:
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("DEPLOY_", "SANDBOX_"))}
        return {**ours, "NO_COLOR": "1", "COLUMNS": "200"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The command line in a process of its own, its standard error among its output."""
        return subprocess.Popen(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def invoke(self, *words: str, code: int = 0) -> str:
        """What a command prints; it must end with this exit code."""
        process = self.start(*words)
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, f"invoke {' '.join(words)} exited {process.returncode}, not {code}:\n{said}"
        return said

    def killed_in(self, step: str, delay: float, *words: str) -> None:
        """Run a command and kill it, without a warning, so many seconds after the journal says it begins a step."""
        self.killed_after(delay, *words, kind="step.intended", step=step)

    def killed_after(self, delay: float, *words: str, **told: str) -> None:
        """Run a command and kill it so many seconds after a journal got a new record with these fields."""
        before = self._told(told)
        process = self.start(*words)
        try:
            until = time.monotonic() + PATIENCE
            while self._told(told) == before and process.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(delay)
        finally:
            process.kill()
            said, _ = process.communicate(timeout=PATIENCE)
        assert self._told(told) > before, f"{told} did not come:\n{said}"
        assert process.returncode == -signal.SIGKILL, said

    def _told(self, fields: dict[str, str]) -> int:
        """How many records of all journals have these fields."""
        return sum(1 for journal in self.archive.journals() for _ in journal.all(**fields))

    # -- what is seen from outside

    @property
    def local(self) -> Path:
        return self.folder / ".local"

    @property
    def target(self) -> Path:
        return self.local / "extraction_engine" / "target"

    @property
    def control(self) -> Path:
        return self.target / ".deploy"

    @property
    def archive(self) -> Archive:
        return Archive(self.control / "journals")

    @property
    def system(self) -> Path:
        return self.folder / "deploy" / "systems" / "extraction_engine"

    @property
    def variables(self) -> dict[str, str]:
        return {key: value or "" for key, value in dotenv_values(self.local / "extraction_engine.env").items()}

    def newest(self) -> Journal:
        return self.archive.journals()[-1]

    def records(self, kind: str, **fields: Any) -> list[Record]:
        """Records of the newest journal."""
        return list(self.newest().all(kind, **fields))

    def result(self, item: str) -> dict[str, Any]:
        """The newest result of an item in the newest journal."""
        rows = [row for record in self.records("checked") for row in record["results"] if row["item"] == item]
        assert rows, f"{item} was not judged"
        return dict(rows[-1])

    def report(self, name: str = "report.md", deployment: str | None = None) -> str:
        return (self.control / "reports" / (deployment or self.newest().id) / name).read_text(encoding="utf-8")

    @property
    def release(self) -> str | None:
        current = self.target / "current"
        return current.readlink().name if current.is_symlink() else None

    @property
    def releases(self) -> set[str]:
        return {path.name for path in (self.target / "releases").iterdir()}

    def commit(self, ref: str) -> str:
        repository = self.local / "extraction_engine" / "repository"
        done = subprocess.run(
            ["git", "-C", str(repository), "rev-parse", ref], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def id_of(self, ref: str) -> str:
        """The release that a ref becomes."""
        return self.commit(ref)[:12]

    def connect(self, dbname: str = DATABASE) -> psycopg.Connection[Any]:
        """As the administrator that deployments use."""
        return psycopg.connect(self.variables["SANDBOX_DATABASE_ADMIN_URL"], dbname=dbname, autocommit=True)

    def rows(self, query: str, *values: Any, dbname: str = DATABASE) -> list[tuple[Any, ...]]:
        with self.connect(dbname) as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *values: Any, dbname: str = DATABASE) -> Any:
        return self.rows(query, *values, dbname=dbname)[0][0]

    def content(self, dbname: str = DATABASE) -> Content:
        """Rows and checksum of every table of production."""
        with self.connect(dbname) as connection:
            return content.checksums(connection)

    def counts(self) -> dict[str, int]:
        with self.connect() as connection:
            return content.counts(connection)

    def shape(self, dbname: str = DATABASE) -> str:
        with self.connect(dbname) as connection, content.frozen(connection):
            return content.shape(connection)

    def loaded(self) -> dict[str, int]:
        """Raw rows of each load, by its id."""
        return dict(self.rows("""select metadata_json::jsonb ->> 'load_id', count(*) from "RawIngestion" group by 1"""))

    def databases(self) -> set[str]:
        """All of the engine's, but for ours."""
        names = {name for (name,) in self.rows("select datname from pg_database", dbname="postgres")}
        return {name for name in names if name.startswith(DATABASE)}

    def unsettled(self) -> list[str]:
        """What no finished command may leave behind, in words."""
        left = [f"database {name}" for name in sorted(self.databases()) if "scratch" in name or "shadow" in name]
        left += [str(path) for path in self.control.glob("lock*") if path.name == "lock"]
        left += self.archive.verify()
        for journal in self.archive.journals():
            left += [
                f"{journal.id}: no {name}"
                for name in due(journal)
                if not (self.control / "reports" / journal.id / name).exists()
            ]
        return left

    # -- states that tests begin in

    def save(self, name: str) -> Snapshot:
        """Keep the state of database and target under a name."""
        self._admin("CREATE DATABASE {} TEMPLATE {} OWNER engine_app", KEPT + name, DATABASE)
        copy(self.target, self.folder / (KEPT + name))
        self.snapshots[name] = Snapshot(name, self.content(), self.shape(), self.release)
        return self.snapshots[name]

    def back_to(self, name: str) -> Snapshot:
        """Make the state what it was when it was saved."""
        for dbname in self.databases():
            self._admin("DROP DATABASE {} WITH (FORCE)", dbname)
        self._admin("CREATE DATABASE {} TEMPLATE {} OWNER engine_app", DATABASE, KEPT + name)
        for path in self.target.iterdir():
            if path.name not in NOT_COPIED:
                path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)
        copy(self.folder / (KEPT + name), self.target)
        return self.snapshots[name]

    def _admin(self, statement: str, *names: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type]


def due(journal: Journal) -> Sequence[str]:
    """What people must find for a journal; a restore by hand has neither."""
    if not journal.records[0]["phases"]:
        return ()
    return ("report.md", "incident.md") if journal.last("rollback.started") else ("report.md",)


def copy(source: Path, target: Path) -> None:
    """A folder's content, with its times: pruning goes by them."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
