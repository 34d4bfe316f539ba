"""What is deployed (`System`) and where (`Environment`), as `system.yaml` describes them: validated, frozen.

`deploy.config` fills in `${NAME}`, only for the chosen environment, so a laptop needs no production settings.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from deploy.endpoints import Airflow, Alerts, Cache, Database, Docker, Frozen, Hidden, Ssh
from deploy.errors import nearest
from deploy.workflows import LoadDag, Workflows
from deploy.workload import Compose

PHASES = (
    "prereqs",
    "release",
    "validate.pre",
    "backup",
    "services",
    "migrate",
    "configure",
    "trial",
    "switch",
    "load",
    "scale",
    "monitor",
    "validate.post",
    "rollback",
)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Task(Frozen):
    """A command that a system declares: an argv, where it runs, and how long it may take (seconds)."""

    name: str
    run: tuple[str, ...] = Field(min_length=1)
    cwd: str = "{release}"
    env: Mapping[str, str] = {}
    timeout: float = 300.0


class Release(Frozen):
    """How a commit becomes a release folder.

    What is `unchanged` since the newest release on the host is copied from there, or linked: that takes no room and
    hardly any time, but whoever writes into a file of one release then writes into the other as well.
    """

    requirements: str | None = None
    build: tuple[Task, ...] = ()
    shared: tuple[str, ...] = ()  # paths in a release that are links into shared/
    writable: tuple[str, ...] = ()  # folders that the service user must be able to write
    private: tuple[str, ...] = ()  # files that nobody else may read (0640 at most)
    keep: int = Field(5, ge=2)
    unchanged: Literal["copy", "link"] = "copy"

    @model_validator(mode="after")
    def _build_writes(self) -> Release:
        if self.unchanged == "link" and self.build:
            raise ValueError(
                "`unchanged: link` and `build` do not go together: a build may write into an older release"
            )
        return self


class Migrations(Frozen):
    """Where a release carries its migrations, in which layout, and who applies them.

    `prisma`: `<folder>/<name>/migration.sql` with the history table `_prisma_migrations`; `sql`: `<folder>/*.sql` with
    our own history table. `via: cli` runs `cli` (the real `prisma migrate deploy`) instead of our runner.
    Tables without a history stop a deployment, unless `onto` tells what makes those that the first migration changes.
    """

    database: str = "app"
    folder: str
    layout: Literal["prisma", "sql"] = "prisma"
    via: Literal["runner", "cli"] = "runner"
    cli: Task | None = None
    onto: str | None = None  # e.g. the scripts of a database image's first start
    lock_timeout: float = Field(5.0, gt=0)
    retries: int = Field(3, ge=0)


class Service(Task):
    """A process that runs on after it was started; `match` recognises it by its command line."""

    match: str
    cwd: str = "{current}"


class Processes(Frozen):
    """Processes of the service user, found by regular expressions over their command lines."""

    match: tuple[str, ...] = ()
    stop_timeout: float = 30.0  # seconds between TERM and KILL
    start: tuple[Service, ...] = ()


class LoadTask(Task):
    """A load command, with the query whose number tells how far it is."""

    progress: str | None = None


class Load(Frozen):
    """The data that a deployment loads, how it is recognised in the database, and how it is taken back.

    It is loaded by `commands`, or by Airflow, of which a DAG is run and judged: one of the two.
    """

    database: str = "app"
    commands: tuple[LoadTask, ...] = ()
    airflow: LoadDag | None = None
    count: str  # SQL: rows of the load `:load_id`
    undo: str | None = None  # SQL file in the system's folder
    undo_commands: tuple[Task, ...] = ()  # run in the previous release, after the SQL
    samples: str | None = None  # SQL: rows to export for people to judge

    @model_validator(mode="after")
    def _one_way(self) -> Load:
        if bool(self.commands) == bool(self.airflow):
            raise ValueError("should have either `commands` or `airflow`")
        return self


class Backup(Frozen):
    """Which databases are dumped, how many workers dump, and what is kept."""

    databases: tuple[str, ...] = ("app",)
    jobs: int = Field(2, ge=1)
    daily: int = 7
    weekly: int = 4
    monthly: int = 6


def _days(text: str) -> str:
    names = text.split("-")
    if len(names) > 2 or any(name not in DAYS for name in names):
        raise ValueError(f"should be days like mon-thu, of {', '.join(DAYS)}")
    return text


def _clock(text: str) -> str:
    if not re.fullmatch(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError("should be a time of day like 09:00")
    return text


def _zone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("should be a time zone like Europe/London") from error
    return text


class Hours(Frozen):
    """When deployments are welcome: weekdays (`mon-thu`), from and to (`09:00`) in a zone (`Europe/London`)."""

    days: Annotated[str, AfterValidator(_days)]
    start: Annotated[str, AfterValidator(_clock)] = Field(alias="from")
    end: Annotated[str, AfterValidator(_clock)] = Field(alias="to")
    zone: Annotated[str, AfterValidator(_zone)]


def hosts_in(named: Any) -> tuple[str, ...]:
    """Hosts as people write them: a list, or one text with commas or spaces; ValueError for anything else."""
    parts = [named] if isinstance(named, str) else named
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError("should be hosts, as a list or separated by commas")
    return tuple(dict.fromkeys(host for part in parts for host in part.replace(",", " ").split()))


Hosts = Annotated[tuple[str, ...], BeforeValidator(hosts_in)]


def _batch(size: str | int) -> str | int:
    if isinstance(size, str) and re.fullmatch(r"[1-9][0-9]?%|100%", size):
        return size
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size
    raise ValueError("should be a number of hosts, or a part of them like 25%")


Batch = Annotated[str | int, AfterValidator(_batch)]


class Environment(Frozen):
    """One place where a system runs."""

    name: str
    sandbox: bool = False
    env_file: str | None = None
    root: str
    repository: str
    ref: str = "main"
    python: str = "python3"
    path: tuple[str, ...] = ()  # folders put before PATH (e.g. PostgreSQL's binaries)
    databases: Mapping[str, Database] = {}
    caches: Mapping[str, Cache] = {}
    docker: Docker | None = None
    airflow: Airflow | None = None
    hosts: Mapping[str, Hosts] = {}
    inventory: str | None = None  # YAML file with hosts by role, instead of `hosts` or besides them
    ssh: Ssh = Ssh()
    become: Mapping[str, str] = {}  # by role: the user that everything runs as there, by sudo without a password
    batch: tuple[Batch, ...] = ("100%",)  # how many hosts are switched at once: [1, 25%, 100%]
    max_fail: int = Field(0, ge=0)  # hosts that may fail in a batch without stopping the deployment
    batch_wait: float = Field(0.0, ge=0)  # seconds between a batch's switch and its checks
    env: Mapping[str, str] = {}
    secrets: Mapping[str, Hidden] = {}
    parameters: Mapping[str, str] = {}
    hours: Hours | None = None
    alerts: Alerts = Alerts()
    signoffs: Literal["hold", "show"] = "hold"
    contacts: Mapping[str, str] = {}  # who is called, and how, by name or role: for the runbook
    operator: str | None = None


def _known_phase(name: str) -> str:
    if name not in PHASES:
        raise ValueError(f"there is no phase {name!r}; {nearest(name, PHASES)}")
    return name


class Phase(Frozen):
    """One phase of a flow: its name and the steps of its change, in order; none for a phase that only checks."""

    name: Annotated[str, AfterValidator(_known_phase)]
    steps: tuple[str, ...] = ()


def _phase(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and len(value) == 1 and "name" not in value:
        ((name, steps),) = value.items()
        return {"name": name, "steps": tuple(steps or ())}
    return value


class System(Frozen):
    """What is deployed."""

    name: str
    title: str
    folder: Path
    flow: tuple[Annotated[Phase, BeforeValidator(_phase)], ...] = Field(min_length=1)
    release: Release = Release()
    migrations: Migrations | None = None
    processes: Processes = Processes()
    compose: Compose | None = None
    load: Load | None = None
    workflows: Workflows | None = None
    backup: Backup = Backup()
    critical: Mapping[str, Any] = {}

    @cached_property
    def phases(self) -> tuple[str, ...]:
        return tuple(phase.name for phase in self.flow)

    def text(self, path: str) -> str:
        """A file of the system's folder, e.g. `sql/undo_load.sql`."""
        return (self.folder / path).read_text(encoding="utf-8")
