"""The record of one deployment: append-only, fsynced, hash-chained. Intent is written before the act, outcome after.

A record is one JSON line: `seq`, `at` (UTC), `kind`, its own fields, `prev` (the hash before) and `hash`. The first
record names the deployment before it and that one's last hash, so a journal that is taken away is missed. Beside each
journal, `<id>.head` holds the last sequence number and hash, so a tail that is cut off at a record's end is missed too.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy import durable
from deploy.control import ControlFolder, Here
from deploy.errors import ConfigError
from deploy.secret import mask

Record = Mapping[str, Any]
START = "0" * 64


def digest(record: Record) -> str:
    """The hash of a record: sha256 over its canonical JSON, without `hash` itself and with `prev` in it."""
    body = {key: value for key, value in record.items() if key != "hash"}
    return hashlib.sha256(_canonical(body).encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


class Journal:
    """The journal of one deployment, opened for appending."""

    def __init__(self, path: Path, control: ControlFolder | None = None) -> None:
        self.path = path
        self.records: list[Record] = []
        self.size = 0  # bytes; counted here, for a mirror may be brought in line by others meanwhile
        self.control = control or Here(path.parent)
        self._writing = threading.Lock()  # a fleet's hosts are worked on at the same time

    @property
    def _name(self) -> str:
        return str(self.path.relative_to(self.control.folder))

    @property
    def id(self) -> str:
        return self.path.stem

    @classmethod
    def create(cls, archive: Archive | Path, deployment: str, **opened: Any) -> Journal:
        """Start a journal with its record `opened`; chained to the newest one in the folder.

        A Ctrl-C that comes while that is written closes it at once: nothing was begun.
        """
        archive = Archive(archive) if isinstance(archive, Path) else archive
        after = archive.last()
        journal = cls(archive.folder / f"{deployment}.jsonl", archive.control)
        if journal.path.exists():
            raise ConfigError(f"the journal {deployment} exists already", where=str(journal.path))
        try:
            journal.append("opened", deployment=deployment, after=after, **opened)
        except KeyboardInterrupt:
            if journal.records:
                journal.append("closed", outcome="stopped")
            raise
        return journal

    @classmethod
    def open(cls, path: Path, control: ControlFolder | None = None) -> Journal:
        """Go on with a journal. A last line torn by a power cut is cut off, and the cut recorded."""
        journal = cls(path, control)
        whole, torn = _split(path.read_bytes())
        journal.records = [json.loads(line) for line in whole.decode().splitlines()]
        journal.size = len(whole)
        if torn:
            journal.control.cut(journal._name, len(whole))
            journal.append("repaired", cut=len(torn))
        return journal

    def append(self, kind: str, **fields: Any) -> Record:
        """Write one record; it is on the disk when this returns. Known secrets are masked in it."""
        with durable.uninterrupted(), self._writing:
            return self._append(kind, fields)

    def _append(self, kind: str, fields: Record) -> Record:
        previous = self.records[-1] if self.records else None
        body = json.loads(mask(_canonical(fields)))
        record = {
            "seq": previous["seq"] + 1 if previous else 1,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "kind": kind,
            **body,
            "prev": previous["hash"] if previous else START,
        }
        record["hash"] = digest(record)
        head = _canonical({"seq": record["seq"], "hash": record["hash"]})
        line = _canonical(record)
        self.control.record(self._name, line, head, self.size)
        self.size += len(f"{line}\n".encode())
        self.records.append(record)
        return record

    def all(self, kind: str, **fields: Any) -> Iterator[Record]:
        """The records of a kind whose fields have these values, oldest first."""
        for record in self.records:
            if record["kind"] == kind and all(record.get(key) == value for key, value in fields.items()):
                yield record

    def last(self, kind: str, **fields: Any) -> Record | None:
        return next(reversed(list(self.all(kind, **fields))), None)


def _split(data: bytes) -> tuple[bytes, bytes]:
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


class Archive:
    """All journals of one environment, by id (which sorts by time)."""

    def __init__(self, folder: Path, control: ControlFolder | None = None) -> None:
        self.folder, self.control = folder, control

    def open(self, journal: Journal) -> Journal:
        """Go on with one of them."""
        return Journal.open(journal.path, self.control)

    def paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def journals(self) -> list[Journal]:
        return [read(path) for path in self.paths()]

    def last(self) -> dict[str, Any] | None:
        """Id and last hash of the newest journal; None before the first."""
        paths = self.paths()
        if not paths:
            return None
        newest = read(paths[-1])
        return {"id": newest.id, "hash": newest.records[-1]["hash"] if newest.records else START}

    def verify(self) -> list[str]:
        """What is wrong with the journals, a line each; an empty list when every chain holds."""
        problems: list[str] = []
        hashes: dict[str, set[str]] = {}
        for path in self.paths():
            found, records = examine(path)
            hashes[path.stem] = {str(record.get("hash")) for record in records}
            problems += [f"{path.name}: {problem}" for problem in found]
            problems += _link(path.name, records, hashes)
        orphans = [head for head in sorted(self.folder.glob("*.head")) if not head.with_suffix(".jsonl").exists()]
        return problems + [f"{head.stem}.jsonl: is missing, its head is still there" for head in orphans]


def read(path: Path) -> Journal:
    """A journal for reading only: a torn last line is left where it is."""
    journal = Journal(path)
    whole, _ = _split(path.read_bytes())
    for number, line in enumerate(whole.decode(errors="replace").splitlines(), 1):
        try:
            journal.records.append(json.loads(line))
        except json.JSONDecodeError:
            raise ConfigError(
                "is not a journal record", where=f"{path}:{number}", fix="See `invoke deploy.history --verify`."
            ) from None
    return journal


def examine(path: Path) -> tuple[list[str], list[Record]]:
    """Problems of one journal's own chain, and its readable records."""
    head = path.with_suffix(".head")
    known = head.read_text() if head.exists() else None  # first: somebody may go on with the journal meanwhile
    whole, torn = _split(path.read_bytes())
    problems, records, previous = [], [], START
    for number, line in enumerate(whole.decode(errors="replace").splitlines(), 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            problems.append(f"line {number} is not a record")
            continue
        problems += _flaws(record, number, previous)
        previous = str(record.get("hash"))
        records.append(record)
    problems += _cut(known, records)
    return problems + ([f"its last line is torn ({len(torn)} bytes)"] if torn else []), records


def _flaws(record: Record, number: int, previous: str) -> Iterator[str]:
    if record.get("hash") != digest(record):
        yield f"line {number} was changed (its hash does not fit)"
    if record.get("prev") != previous:
        yield f"line {number} does not follow the line before it (a record is missing or was put in)"
    elif record.get("seq") != number:
        yield f"line {number} has the number {record.get('seq')}"


def _cut(head: str | None, records: list[Record]) -> list[str]:
    if head is None:
        return ["its head is missing"] if len(records) > 1 else []
    try:
        told = json.loads(head)
        last, known = int(told["seq"]), str(told["hash"])
    except (ValueError, KeyError, TypeError):
        return ["its head is not readable"]
    if not any(record.get("seq") == last and record.get("hash") == known for record in records):
        return [f"records are missing at its end: the head tells of {last}, {len(records)} are there"]
    return []


def _link(name: str, records: list[Record], hashes: Mapping[str, set[str]]) -> list[str]:
    after = records[0].get("after") if records else None
    if not after:
        return [] if len(hashes) == 1 or not records else [f"{name}: does not name the journal before it"]
    if after["id"] not in hashes:
        return [f"{name}: follows {after['id']}, whose journal is missing"]
    if after["hash"] not in hashes[after["id"]]:
        return [f"{name}: follows a record of {after['id']} that is not there any more"]
    return []
