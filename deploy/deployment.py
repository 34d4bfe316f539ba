"""One deployment: what is deployed where, under which id, and what is known of it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from deploy.channels.git import mirror
from deploy.scope import Scope
from deploy.site import Site
from deploy.system import Environment, System

HOSTS = "by host"  # of the facts of a step that is done on every host


@dataclass(frozen=True)
class Layout:
    """Where things lie below an environment's root on its hosts."""

    root: PurePosixPath

    @property
    def releases(self) -> PurePosixPath:
        return self.root / "releases"

    @property
    def shared(self) -> PurePosixPath:
        return self.root / "shared"

    @property
    def current(self) -> PurePosixPath:
        """The link to the release that is in production."""
        return self.root / "current"

    @property
    def venvs(self) -> PurePosixPath:
        """Virtual environments, by hash of their requirements and Python."""
        return self.root / "venvs"

    @property
    def backups(self) -> PurePosixPath:
        return self.root / "backups"

    @property
    def control(self) -> PurePosixPath:
        """Journals, locks and markers of this toolkit (0700)."""
        return self.root / ".deploy"

    def release(self, release: str) -> PurePosixPath:
        return self.releases / release


@dataclass
class Deployment:
    """`id` sorts by time (`20261123T011500Z-1a2b`); `release` is the short commit; `previous` the release before it.

    `facts` holds what each step returned, by step name, from the journal: it survives a crash. Of a step that is done
    on every host it is `{HOSTS: {host: facts}}`, of which `at` shows one host's. `load_id` marks every row that this
    deployment's load writes.
    """

    id: str
    system: System
    environment: Environment
    site: Site
    ref: str
    commit: str
    previous: str | None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    data_since: datetime | None = None  # set when this release's data was loaded by an earlier deployment
    data_load: str | None = None  # the load id of that data
    database_choice: str = "auto"  # rollback: auto, restore or keep

    def at(self, host: str) -> Deployment:
        """The same deployment, seen from one host."""
        facts = {step: found[HOSTS].get(host, {}) if HOSTS in found else found for step, found in self.facts.items()}
        return replace(self, site=self.site.at(host), facts=facts)

    def learn(self, step: str, found: Mapping[str, Any], host: str | None = None) -> None:
        """Remember facts of a step, besides what is known of it."""
        known = self.facts.setdefault(step, {} if host is None else {HOSTS: {}})
        if host is None:
            self.facts[step] = {**known, **found}
        else:
            known[HOSTS][host] = {**known[HOSTS].get(host, {}), **found}

    @property
    def release(self) -> str:
        return self.commit[:12]

    @property
    def load_id(self) -> str:
        return self.id

    @property
    def layout(self) -> Layout:
        return Layout(PurePosixPath(self.environment.root))

    def scratch(self, database: str) -> str:
        """The name of the scratch database that this deployment restores its backup of `database` into."""
        return f"{self.site.dbname(database)}_scratch_{self.id[-4:].lower()}"

    def scope(self, release: str | None = None) -> Scope:
        """What checks and steps may refer to, seen from one release (by default the one being deployed)."""
        folder = self.layout.release(release or self.release)
        names = {
            **self.environment.parameters,
            "root": str(self.layout.root),
            "releases": str(self.layout.releases),
            "shared": str(self.layout.shared),
            "current": str(self.layout.current),
            "backups": str(self.layout.backups),
            "control": str(self.layout.control),
            "release": str(folder),
            "venv": str(folder / ".venv"),
            "python": str(folder / ".venv/bin/python"),
            "system": str(self.system.folder),
            "repository": self.environment.repository,
            "mirror": str(mirror(self.environment.repository).folder),
            "ref": self.ref,
            "commit": self.commit,
            "deployment": self.id,
            **({"migrations": str(folder / self.system.migrations.folder)} if self.system.migrations else {}),
            "measure_run": str(self.facts.get("measure", {}).get("run_id", f"measure-{self.release}")),
            "trial_run": str(self.facts.get("trial", {}).get("run_id", f"trial-{self.id}")),  # else none of that name
        }
        params = {**self.environment.parameters, "load_id": self.data_load or self.load_id}
        return Scope(names=names, since=self.data_since or self.started, params=params)
