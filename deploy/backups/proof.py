"""Restore a backup, count it, compare it: what makes a backup count."""

from __future__ import annotations

import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from secrets import token_hex

from deploy.backups import content
from deploy.backups.dump import LONG, read_sums, sums_script
from deploy.backups.manifest import File, Manifest, Receipt
from deploy.backups.scratch import beside, create_scratch, dropped, leftovers_dropped, refusals, seconds_since
from deploy.backups.store import HOST, Backups
from deploy.command import Script
from deploy.errors import StepFailed
from deploy.site import Site
from deploy.steps.base import Progress

MOST = 8  # differences that a message names


def prove(backups: Backups, id: str, database: str, *, scratch: str, purpose: str, progress: Progress) -> Receipt:
    """Restore a backup into the scratch database `scratch`, compare it with its manifest, and write the receipt.

    The scratch database stays, with a comment that names its `purpose`. Raises StepFailed, and writes no receipt,
    when a file is not what it was or anything in the database differs.
    """
    began = time.monotonic()
    manifest, sha256 = backups.readable(id, database)
    progress.say(f"proving the backup: restoring it into {scratch}")
    create_scratch(backups.site, database, scratch, purpose)
    restored_seconds = restore_into(backups, manifest, scratch)
    same_or_fail(backups, manifest, scratch)
    receipt = Receipt(
        id=id,
        database=database,
        manifest=sha256,
        restored_into=scratch,
        by=backups.operator(),
        at=datetime.now(UTC),
        restored_seconds=restored_seconds,
        seconds=seconds_since(began),
        tables=len(manifest.tables),
        rows=manifest.rows,
        files=len(manifest.files),
    )
    backups.site.write(backups.place(id).receipt(database), receipt.text(), 0o600)
    return receipt


def prove_aside(backups: Backups, id: str, database: str, progress: Progress) -> Receipt:
    """A fresh receipt for any backup, by way of a scratch database that is dropped in any case."""
    site = backups.site
    scratch = beside(site.dbname(database), f"scratch_{token_hex(2)}")
    leftovers_dropped(site, database, "backup ")
    try:
        return prove(backups, id, database, scratch=scratch, purpose=f"backup {id}", progress=progress)
    finally:
        dropped(site, database, scratch)


def restore_into(backups: Backups, manifest: Manifest, dbname: str) -> float:
    """pg_restore into an empty database, while the files are summed up again; the seconds that pg_restore took.

    Raises StepFailed; when files are damaged, that is what it says, whatever pg_restore made of them.
    """
    site, data = backups.site, backups.place(manifest.id).data(manifest.database)
    command = restore_script(site, manifest.database, backups.jobs, data, dbname)
    with ThreadPoolExecutor(1) as pool:
        summing = pool.submit(site.execute, sums_script(data))
        try:
            done = site.execute(command)
        finally:
            _undamaged_or_fail(backups, manifest, read_sums(summing.result().out))
    return round(done.took, 3)


def _undamaged_or_fail(backups: Backups, manifest: Manifest, files: dict[str, File]) -> None:
    if spoilt := damaged(manifest, files):
        named = ", ".join(spoilt[:MOST])
        raise _disproved(backups, manifest, f"backup {manifest.id}: its files are not what was dumped: {named}")


def _disproved(backups: Backups, manifest: Manifest, message: str) -> StepFailed:
    """The backup was seen not to be what its manifest says: a receipt that says otherwise is withdrawn, and kept."""
    receipt = shlex.quote(backups.place(manifest.id).receipt(manifest.database))
    backups.site.execute(Script(f"[ ! -e {receipt} ] || mv {receipt} {receipt}.withdrawn", on=HOST))
    return StepFailed(message)


def restore_script(site: Site, database: str, jobs: int, data: str, dbname: str) -> Script:
    """As administrator, who hands what he creates to its owners; the first error ends it."""
    env, secrets = site.libpq(database, admin=True, dbname=dbname)
    text = f"pg_restore --jobs={jobs} --exit-on-error --no-password --dbname={shlex.quote(dbname)} {shlex.quote(data)}"
    return Script(text, env=env, secrets=secrets, on=HOST, timeout=LONG, note=f"restored into {dbname}")


def damaged(manifest: Manifest, files: dict[str, File]) -> list[str]:
    """The files that are missing, new, or not what the manifest says."""
    return [name for name in sorted({*manifest.files, *files}) if manifest.files.get(name) != files.get(name)]


def same_or_fail(backups: Backups, manifest: Manifest, dbname: str) -> None:
    """Raise StepFailed unless the database holds exactly what the manifest says."""
    if found := compared(backups, manifest, dbname):
        more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
        message = f"{dbname} differs from backup {manifest.id}: {'; '.join(found[:MOST])}{more}"
        raise _disproved(backups, manifest, message)


def compared(backups: Backups, manifest: Manifest, dbname: str) -> list[str]:
    """What differs between a database and a manifest, in words: tables, sequences, and the shape of the schema."""
    site, database = backups.site, manifest.database
    with refusals(f"content of {dbname}"), ExitStack() as stack:
        first, *others = [stack.enter_context(site.connect(database, dbname=dbname)) for _ in range(backups.jobs)]
        found = content.differences(manifest.tables, content.checksums(first, *others))
        sequences = content.sequences(first)
        with content.frozen(first):
            shape = content.shape(first)
    found += [
        f"{name}: the sequence is at {sequences.get(name)}, dumped between {low} and {high}"
        for name, (low, high) in manifest.sequences.items()
        if not between(low, sequences.get(name), high)
    ]
    return found + ["the schema is another"] * (shape != manifest.shape)


def between(before: int | None, value: int | None, after: int | None) -> bool:
    """Whether a sequence that went from `before` to `after`, up or down, can have stood at `value` on its way."""
    if before is None:
        return value is None or after is not None  # came into use during the dump: its start is not known
    if after is None:
        return True  # was set back during the dump
    return value is not None and min(before, after) <= value <= max(before, after)


def verify(backups: Backups, id: str, database: str) -> list[str]:
    """What is wrong with a backup as it lies there, in words: files against the manifest, and pg_restore's reading."""
    site, manifest = backups.site, backups.manifest(id, database)
    data = backups.place(id).data(database)
    found = read_sums(site.execute(sums_script(data)).out)
    problems = [f"{name}: {_state(manifest, found, name)}" for name in damaged(manifest, found)]
    listing = site.execute(
        Script(f"pg_restore --list {shlex.quote(data)} >/dev/null", on=HOST, exits=frozenset({0, 1}))
    )
    return problems + [f"pg_restore cannot read it: {listing.err.strip()}"] * (listing.exit != 0)


def _state(manifest: Manifest, found: dict[str, File], name: str) -> str:
    if name not in found:
        return "missing"
    return "changed" if name in manifest.files else "not in the manifest"
