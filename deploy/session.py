"""One command's view of the world: the system, the environment, its site, its checklist and its journals."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath

from deploy import config, inventory, yamlfile
from deploy.channels import git
from deploy.channels.fenced import Fence
from deploy.checklists import signoff, waivers
from deploy.checklists.checklist import Checklist
from deploy.checklists.checklist import load as load_checklist
from deploy.control import ControlFolder, Here, There
from deploy.deployment import Deployment, Layout
from deploy.discover import SYSTEM_FILE, choose, find_systems
from deploy.errors import ConfigError
from deploy.folders import PROJECT, folders, state
from deploy.gate import Gate, Prompt
from deploy.journal import Archive, Journal
from deploy.lock import FENCE, Lock
from deploy.owed import started_at
from deploy.reach import HERE
from deploy.rollback import facts_of
from deploy.sandbox import starting
from deploy.site import Site
from deploy.steps.load import marker
from deploy.steps.release import current
from deploy.system import Environment, System


@dataclass
class Session:
    """What a task works with; opened by `open_session`, closed by nothing: channels open and close by themselves."""

    system: System
    environment: Environment
    site: Site

    @property
    def layout(self) -> Layout:
        return Layout(PurePosixPath(self.environment.root))

    @cached_property
    def control(self) -> ControlFolder:
        """The control folder, on its host; its mirror is kept below `.local` here."""
        far, host = str(self.layout.control), self.site.reach.control
        if host == HERE:
            return Here(Path(far))
        place = hashlib.sha256(f"{host}\0{far}".encode()).hexdigest()[:8]
        mirror = state() / "control" / f"{self.system.name}-{self.environment.name}-{place}"
        return There(far, self.site.reach.transport(host), mirror)

    @cached_property
    def archive(self) -> Archive:
        """The journals, as they are now."""
        self.refresh()
        return Archive(self.control.folder / "journals", self.control)

    @cached_property
    def checklist(self) -> Checklist:
        return load_checklist(self.system.folder / "checklist.md")

    def gate(self, signoffs: str | None = None, prompt: Prompt | None = None) -> Gate:
        """The gate of this environment; waivers that do not count are said aloud."""
        today, known = datetime.now(UTC).date(), self.checklist.by_id
        waived, complaints = waivers.load(self.system.folder / "waivers.yaml", known, today)
        for complaint in complaints:
            announce(complaint)
        given = signoff.load(Path(signoffs), self.checklist.items, datetime.now(UTC)) if signoffs else []
        return Gate(self.checklist, waived, given, self.environment.signoffs == "hold", prompt)

    def lock(self, deployment: str) -> Lock:
        return Lock(self.control, deployment)

    @contextmanager
    def holding(self, lock: Lock) -> Iterator[Lock]:
        """While the lock is held, hosts refuse the commands of deployers that held it before."""
        self.refresh()  # asks the control host once, before anything is taken there
        reach = self.site.reach
        with ExitStack() as held:
            with self._asking():
                held.enter_context(lock)
            self.refresh()  # somebody else may have deployed until the lock was ours
            reach.fence = Fence(str(self.layout.control / FENCE), lock.token)
            try:
                yield lock
            finally:
                reach.fence = None

    def refresh(self) -> None:
        """Bring the mirror of the journals in line; ConfigError where the control host cannot be asked."""
        with self._asking():
            self.control.refresh()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"the control host cannot be asked: {error.strerror}",
                where=f"environments.{self.environment.name}.hosts",
                fix=f"What was known of it when it was last asked is in {self.control.folder}.",
            ) from error

    def commit(self, ref: str) -> str:
        """The commit that a branch, tag or abbreviated id means in the repository, fetched anew."""
        source = git.mirror(self.environment.repository, self.environment.path)
        source.fetch()
        found = source.commit(ref)
        if not found:
            raise ConfigError(
                f"{ref!r} is no branch, tag or commit of {self.environment.repository}",
                where="--ref",
                fix=f"There are: {', '.join(source.refs()[:20])}",
            )
        return found

    def deployment(self, identity: str, ref: str | None = None) -> Deployment:
        """A new deployment of a ref (by default the environment's). Nothing is changed but the mirror."""
        chosen = ref or self.environment.ref
        fresh = self.before(identity, chosen, self.commit(chosen))
        fresh.previous = current(fresh)
        return self._as_loaded(fresh) if fresh.previous == fresh.release else fresh

    def planned(self, ref: str | None) -> Deployment:
        """As `deployment`, asked of the repository itself, so that not even the mirror is changed."""
        chosen = ref or self.environment.ref
        found = git.advertised(self.environment.repository, chosen, self.environment.path)
        if not found:
            raise ConfigError(f"{chosen!r} is no branch or tag of {self.environment.repository}", where="--ref")
        deployment = self.before(new_id(), chosen, found)
        deployment.previous = current(deployment)
        return deployment

    def before(self, identity: str = "none", ref: str = "", commit: str = "") -> Deployment:
        """A deployment of which nothing has been done yet, for checks that come before any."""
        return Deployment(identity, self.system, self.environment, self.site, ref, commit, previous=None)

    def present(self) -> Deployment:
        """The deployment of the current release, for checks of what runs; ConfigError when nothing does."""
        for journal in reversed(self.archive.journals()):
            deployment = self.of(journal)
            if current(deployment) == deployment.release:
                return self._as_loaded(deployment)
        raise ConfigError(
            f"nothing is deployed in {self.environment.name}",
            where=str(self.layout.current),
            fix=f"Deploy first: invoke deploy.{self.environment.name}",
        )

    def _as_loaded(self, deployment: Deployment) -> Deployment:
        """The data of a release that runs already is that of its own load: judged since then, by that load's id."""
        known = marker(deployment)
        if known.get("started") and not known.get("undone"):
            deployment.data_since = datetime.fromisoformat(known["started"])
            deployment.data_load = known["load_id"]
        return deployment

    def of(self, journal: Journal) -> Deployment:
        """The deployment that a journal tells of, with what its steps returned."""
        opened = journal.records[0]
        deployment = Deployment(
            opened["deployment"],
            self.system,
            self.environment,
            self.site,
            opened["ref"],
            opened["commit"],
            opened["previous"],
            started_at(journal),
            facts_of(journal.records),
        )
        return self._as_loaded(deployment) if deployment.previous == deployment.release else deployment

    def unfinished(self) -> Journal | None:
        """The newest journal that was opened and not closed: its deployment, or its rollback, was cut off."""
        return next((journal for journal in reversed(self.archive.journals()) if not closed(journal)), None)


def closed(journal: Journal) -> bool:
    """Whether the newest word on a deployment is an end."""
    for record in reversed(journal.records):
        if record["kind"] in ("opened", "resumed", "rollback.started"):
            return False
        if record["kind"] == "closed":
            return True
    return False


def outcome(journal: Journal) -> str:
    """How a deployment ended: succeeded, rolled back, stopped (before production was touched), or open."""
    last = journal.last("closed")
    return str(last["outcome"]) if last and closed(journal) else "open"


def new_id() -> str:
    """`20261123T011500Z-1a2b`: the time, and which part of its second, so that ids of one second sort as well."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond * 65536 // 1_000_000:04x}"


def open_system(name: str | None = None, environment: str | None = None) -> System:
    """The system that is named, or the only one that can be meant (see `choose`)."""
    return config.load_system(choose(name, os.environ, find_systems(folders()), environment, typed()))


def typed() -> str:
    """The command as it was given, to be pasted again with more words; no secret ever stands on it."""
    words = [word for word in sys.argv[1:] if not word.startswith("--search-root")]
    return shlex.join(["invoke", *words])


def open_session(
    system: str | None, environment: str, *, start: bool = False, hosts: str | None = None, limit: str | None = None
) -> Session:
    """The chosen system in the chosen environment; ConfigError names each missing key. `start` starts its sandbox.

    `hosts` and `limit` narrow its hosts, as `inventory.narrowed` has it.
    """
    chosen = open_system(system, environment)
    if start and is_sandbox(chosen, environment):
        starting.start(chosen.name, PROJECT, announce)
    described = config.load_environment(chosen, environment, PROJECT, os.environ)
    place = inventory.narrowed(inventory.with_inventory(described, PROJECT), hosts, limit)
    return Session(chosen, place, Site(place))


def announce(text: str) -> None:
    sys.stderr.write(text + "\n")


def is_sandbox(system: System, environment: str) -> bool:
    """Whether an environment lives in this checkout's sandbox; its own variables exist only once that was started."""
    described = yamlfile.load(system.folder / SYSTEM_FILE).data.get("environments", {})
    return bool((described.get(environment) or {}).get("sandbox"))
