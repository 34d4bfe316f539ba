"""The backups of one environment: where they lie, which there are, and which of them count."""

from __future__ import annotations

import getpass
import re
import shlex
import socket
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import ValidationError

from deploy.backups.manifest import Manifest, Receipt, problem_of
from deploy.command import Script
from deploy.deployment import Deployment, Layout
from deploy.errors import ConfigError, StepFailed
from deploy.site import Site
from deploy.system import System

HOST = "control"  # backups lie where the journal lies: on one host, whatever other roles have many
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
SUM = 'if command -v sha256sum >/dev/null; then sum=sha256sum; else sum="shasum -a 256"; fi'


@dataclass(frozen=True)
class Place:
    """Where one backup lies; `partial` is where it lies until every database of it is dumped."""

    backups: PurePosixPath
    id: str
    partial: bool = False

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id):
            raise ConfigError(f"{self.id!r} is no backup id", fix="Take one that backup.list shows.")

    @property
    def folder(self) -> str:
        return str(self.backups / (f".{self.id}.partial" if self.partial else self.id))

    def of(self, database: str) -> str:
        return f"{self.folder}/{database}"

    def data(self, database: str) -> str:
        return f"{self.of(database)}/data"

    def manifest(self, database: str) -> str:
        return f"{self.of(database)}/manifest.json"

    def receipt(self, database: str) -> str:
        return f"{self.of(database)}/receipt.json"


@dataclass(frozen=True)
class BackupInfo:
    """One database of one backup as it lies there; `problem` says why it does not count, empty when it does.

    `sha256` is that of the manifest's file, as a receipt quotes it.
    """

    id: str
    database: str
    path: str
    sha256: str
    manifest: Manifest | None
    receipt: Receipt | None
    problem: str

    @property
    def verified(self) -> bool:
        return not self.problem


@dataclass(frozen=True)
class Backups:
    """The backups of one environment of a system, with the site that they are made and read through."""

    site: Site
    system: System
    layout: Layout

    @classmethod
    def of(cls, deployment: Deployment) -> Backups:
        return cls(deployment.site, deployment.system, deployment.layout)

    @property
    def databases(self) -> tuple[str, ...]:
        return self.system.backup.databases

    @property
    def jobs(self) -> int:
        return self.system.backup.jobs

    def place(self, id: str, *, partial: bool = False) -> Place:
        return Place(self.layout.backups, id, partial)

    def catalogue(self) -> list[BackupInfo]:
        """All complete backups, the newest first; one entry for each database of each of them."""
        found = [_info(str(self.layout.backups), *entry) for entry in self._listed()]
        return sorted(found, key=lambda info: (info.id, info.database), reverse=True)

    def find(self, id: str, database: str) -> BackupInfo:
        """One backup of one database. Raises ConfigError when there is none of this id."""
        infos = [info for info in self.catalogue() if info.database == database]
        for info in infos:
            if info.id == id:
                return info
        there = ", ".join(info.id for info in infos[:5]) or "none"
        raise ConfigError(f"there is no backup {id} of {database}", fix=f"The newest are: {there}.")

    def readable(self, id: str, database: str) -> tuple[Manifest, str]:
        """The manifest of a backup, and its sha256; StepFailed when unreadable, ConfigError when there is none."""
        info = self.find(id, database)
        if not info.manifest:
            raise StepFailed(f"{info.path}: {info.problem}")
        return info.manifest, info.sha256

    def manifest(self, id: str, database: str) -> Manifest:
        return self.readable(id, database)[0]

    def operator(self) -> str:
        """Who does this: `who@host`, the name from the environment where it gives one."""
        return f"{self.site.environment.operator or getpass.getuser()}@{socket.gethostname()}"

    def _listed(self) -> list[tuple[str, str, str, str]]:
        """For each folder with a dump: its path, the manifest's sha256, manifest and receipt (empty where missing)."""
        backups = shlex.quote(str(self.layout.backups))
        text = f"""{SUM}
[ -e {backups} ] || exit 0
cd {backups}
for folder in */*/; do
  [ -d "$folder" ] || continue
  printf '== folder %s\\n' "$folder"
  if [ -e "$folder/manifest.json" ]; then
    $sum <"$folder/manifest.json"; echo '== manifest'; cat "$folder/manifest.json"; fi
  if [ -e "$folder/receipt.json" ]; then echo '== receipt'; cat "$folder/receipt.json"; fi
done"""
        return [_block(block) for block in self.site.execute(Script(text, on=HOST)).out.split("== folder ")[1:]]


def _block(block: str) -> tuple[str, str, str, str]:
    head, _, rest = block.partition("\n")
    body, _, receipt = rest.partition("== receipt\n")
    sum_line, _, manifest = body.partition("== manifest\n")
    return head.strip().strip("/"), sum_line.split(" ")[0].strip(), manifest, receipt


def _info(backups: str, folder: str, sha256: str, manifest_text: str, receipt_text: str) -> BackupInfo:
    id, _, database = folder.partition("/")
    path = f"{backups}/{folder}"
    try:
        manifest = Manifest.model_validate_json(manifest_text) if manifest_text else None
        receipt = Receipt.model_validate_json(receipt_text) if receipt_text else None
    except ValidationError as error:
        problem = f"{error.title.lower()} cannot be read: {error.errors()[0]['msg']}"
        return BackupInfo(id, database, path, sha256, None, None, problem)
    problem = problem_of(id, database, sha256, manifest, receipt)
    return BackupInfo(id, database, path, sha256, manifest, receipt, problem)
