"""A backup with its receipt, beside the programs and statements that it rests on, run bare one after the other."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.backups import content
from deploy.backups.manifest import Manifest
from deploy.backups.store import Backups
from deploy.channels.transport import local_environment
from deploy.sandbox.sandbox import Sandbox
from deploy.secret import Secret
from deploy.session import Session, new_id
from deploy.steps.backup import BackupStep
from scripts.benchmark.figures import Figure, Pair
from scripts.benchmark.place import Broken, Place, Quiet, timed

AIM = 1.15
SMALL, LARGE = 1_000, 450_000  # rows of each of the two big tables
RESTORED = "engine_bench_restored"
HOW = (
    "the step `backup` (dump, manifest, restore into a scratch database, comparison, receipt) on {size:.0f} MB, beside"
    " `pg_dump -Fd -j {jobs}` with the same compression, `sha256sum` of its files, `createdb`, `pg_restore -j {jobs}`"
    " and the same checksum SQL by psql on both databases, one after the other. Rows and checksums of every table, and"
    " the sums of the files, were equal. A checkpoint precedes each side; dropping the restored copy is not timed."
)
TABLES = """
create table bench_raw as select n as id, md5(n::text) as hash, now() + n * interval '1 second' as at,
  jsonb_build_object('name', md5((n * 7)::text), 'n', n, 'address', repeat(md5((n * 3)::text), 4)) as payload
  from generate_series(1, {rows}) as n;
create table bench_listing as select n as id, md5(n::text) as slug, random() as score, n % 97 as source,
  md5((n * 5)::text) || ' ' || md5((n * 11)::text) || ' ' || repeat(md5((n % 1000)::text), 4) as summary
  from generate_series(1, {rows}) as n;
create table bench_link as select n as id, n * 2 as listing from generate_series(1, {rows}) as n;
alter table bench_raw add primary key (id);
alter table bench_listing add primary key (id);
create index on bench_listing (slug);
create index on bench_link (listing);
vacuum analyze;
"""
CHECKSUMS = f"""begin isolation level repeatable read read only;
{content.SETTINGS} \\g /dev/null
select statement from ({content.STATEMENTS}) as tables \\gexec
{content.LARGE_OBJECT_CONTENT};
"""


def measure(place: Place, runs: int) -> list[Figure]:
    return [_sized(place, runs, "backup, small", SMALL), _sized(place, runs, "backup", LARGE)]


def _sized(place: Place, runs: int, name: str, rows: int) -> Figure:
    """One figure, on a database that is made anew with so many rows."""
    place.fresh()
    session = place.session()
    with session.site.connect("app") as connection:
        for statement in TABLES.format(rows=rows).split(";\n"):
            connection.execute(statement.encode())
        found = connection.execute("select pg_database_size(current_database())").fetchall()
    size, jobs = int(found[0][0]) / 1e6, session.system.backup.jobs
    _pair(place, session, {})  # the first run reads the database into the cache
    parts: dict[str, list[float]] = {}
    pairs = [_pair(place, session, parts) for _ in range(runs)]
    return Figure(name, HOW.format(size=size, jobs=jobs), pairs, AIM, parts)


def _pair(place: Place, session: Session, parts: dict[str, list[float]]) -> Pair:
    deployment = session.before(new_id())
    step, store = BackupStep(deployment), Backups.of(deployment)
    _checkpoint(place)
    began = time.monotonic()
    if step.done():
        raise Broken("a backup of this id is there already")
    facts = step.do(Quiet())
    ours = time.monotonic() - began
    manifest, receipt = store.manifest(deployment.id, "app"), facts["databases"]["app"]["receipt"]
    step.settle()
    shutil.rmtree(store.place(deployment.id).folder)
    _checkpoint(place)
    seconds = Bare(session, place.folder / "bare").run(manifest)
    own = {"ours: dump and manifest": manifest.seconds, "ours: restore and receipt": receipt["seconds"]}
    own["ours: the rest"] = ours - sum(own.values())
    for part, took in {**own, **seconds}.items():
        parts.setdefault(part, []).append(took)
    return Pair(ours, sum(seconds.values()))


def _checkpoint(place: Place) -> None:
    """Write out what was changed, so that neither side pays for the other."""
    import psycopg

    with psycopg.connect(Sandbox(place.folder).postgres.url(), autocommit=True) as connection:
        connection.execute("checkpoint")


class Bare:
    """The programs as somebody at a terminal runs them, one after the other."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.folder, self.dbname, self.jobs = folder, session.site.dbname("app"), session.system.backup.jobs
        self.app, self.admin = (_variables(session, *session.site.libpq("app", admin=admin)) for admin in (False, True))
        folder.mkdir()

    def run(self, manifest: Manifest) -> dict[str, float]:
        """The seconds of each of them. Broken unless both databases, and the files, are what our manifest says."""
        data, sums = self.folder / "data", self.folder / "sums"
        owner = f'create database {RESTORED} owner "{self.app["PGUSER"]}" template template0'
        copy = {**self.app, "PGDATABASE": RESTORED}
        dump = f"pg_dump -Fd -j {self.jobs} --compress=1 --no-password -f {data}"
        restore = f"pg_restore -j {self.jobs} --exit-on-error --no-password -d {RESTORED} {data}"
        try:
            seconds = {
                "bare: pg_dump": timed(dump.split(), self.app),
                "bare: checksums": self._checksums("source", self.app),
                "bare: sha256sum": timed(["sh", "-c", f"cd {data} && sha256sum * >{sums}"], self.app),
                "bare: createdb": self._psql(owner),
                "bare: pg_restore": timed(restore.split(), self.admin),
                "bare: checksums of the copy": self._checksums("copy", copy),
            }
            self._compare(manifest, data, sums)
        finally:
            self._psql(f"drop database if exists {RESTORED}")
            shutil.rmtree(self.folder)
        return seconds

    def _psql(self, sql: str) -> float:
        return timed(["psql", "-XAtqd", "postgres", "-c", sql], self.admin)

    def _checksums(self, name: str, env: Mapping[str, str]) -> float:
        argv = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-o", str(self.folder / name)]
        return timed(argv, env, given=CHECKSUMS)

    def _compare(self, manifest: Manifest, data: Path, sums: Path) -> None:
        wanted = {f"{name}|{table.rows}|{table.checksum}" for name, table in manifest.tables.items()}
        for name in ("source", "copy"):
            if set((self.folder / name).read_text().split("\n")) - {""} != wanted:
                raise Broken(f"the checksums of the {name} differ from those of our manifest")
        told = dict(line.split()[::-1] for line in sums.read_text().splitlines())
        if told != {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in data.iterdir()}:
            raise Broken("sha256sum tells other sums than hashlib")


def _variables(session: Session, env: Mapping[str, str], secrets: Mapping[str, Secret]) -> dict[str, str]:
    ours = local_environment(os.environ)
    path = ":".join([*session.environment.path, ours.get("PATH", "")])
    return {**ours, **env, **{name: secret.reveal() for name, secret in secrets.items()}, "PATH": path}
