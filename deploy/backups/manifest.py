"""What a backup folder says of itself: a manifest of what was dumped, and a receipt of a restore that was compared.

backups/20261123T011500Z-1a2b/app/manifest.json    written when the dump is complete
                                  receipt.json     written when a restore of it was found equal
                                  data/            what pg_dump wrote
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class TableContent:
    """How many rows a table has, and the sum of their hashes (a whole number as text: it exceeds what JSON keeps)."""

    rows: int
    checksum: str


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def text(self) -> str:
        return self.model_dump_json(indent=1) + "\n"


class File(Record):
    """One file of a dump."""

    sha256: str
    bytes: int


class Manifest(Record):
    """What was dumped: `seconds` is how long it took, `shape` the fingerprint of the schema, `dbname` the real name.

    `sequences` has two values each, read before and after the dump: sequences stand outside of transactions, so a
    dump's own value may be any between them.
    """

    id: str
    database: str
    dbname: str
    server_version: str
    dump_version: str
    release: str
    deployment: str
    started_at: datetime
    seconds: float
    bytes: int
    files: dict[str, File]
    tables: dict[str, TableContent]
    sequences: dict[str, tuple[int | None, int | None]]
    shape: str

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


class Receipt(Record):
    """A restore that was compared with its manifest, table by table, and was equal.

    `manifest` is the sha256 of the manifest's file, so that a receipt speaks for no other; `files` says how many were
    read again and had their sha256; `restored_seconds` is the time of pg_restore, `seconds` that of the whole proof.
    """

    id: str
    database: str
    manifest: str
    restored_into: str
    by: str
    at: datetime
    restored_seconds: float
    seconds: float
    tables: int
    rows: int
    files: int


def problem_of(id: str, database: str, sha256: str, manifest: Manifest | None, receipt: Receipt | None) -> str:
    """Why a backup does not count; empty when it does."""
    if not manifest:
        return "no manifest"
    if (manifest.id, manifest.database) != (id, database):
        return f"its manifest is that of {manifest.id}/{manifest.database}"
    if not receipt:
        return "never restored: no receipt"
    if (receipt.id, receipt.database, receipt.manifest) != (id, database, sha256):
        return "its receipt is for another manifest"
    return ""
