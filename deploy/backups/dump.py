"""Make backups: dump and checksums of one moment, written aside, and given their name when they are complete.

Objects keep their owners and rights in the dump. A restore runs as the administrator, who hands each object to its
owner: so everything belongs to the application's role again, and an extension to whoever may create it.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from textwrap import dedent
from typing import Any, LiteralString, TypeVar

from deploy.backups import content
from deploy.backups.content import Connection
from deploy.backups.manifest import File, Manifest
from deploy.backups.scratch import refusals, seconds_since
from deploy.backups.store import HOST, SUM, Backups, Place
from deploy.command import Script
from deploy.errors import StepFailed
from deploy.site import Site
from deploy.steps.base import Progress

A = TypeVar("A")
B = TypeVar("B")
LONG = 6 * 3600.0
DUMPING = "pipeline-deploy dump"  # what our pg_dump is called among the server's sessions

# Held by whoever makes backups: unfinished folders are those of the dead. It ends with the transaction, whatever
# pooler stands between.
LOCK: LiteralString = "SELECT pg_catalog.pg_try_advisory_xact_lock(hashtext('pipeline-deploy'), hashtext('backup'))"

# Whoever holds the lock is alone, so a dump that still runs has outlived its own run, and would write among our files.
ORPHANS: LiteralString = f"""
SELECT pg_catalog.pg_terminate_backend(pid, 5000) FROM pg_catalog.pg_stat_activity
WHERE application_name = '{DUMPING}' AND usename = current_user AND datname = current_database()"""


def create(backups: Backups, id: str, *, release: str, deployment: str, progress: Progress) -> dict[str, Manifest]:
    """Dump every database that `system.backup` names into `<backups>/<id>/<database>`; the manifests by database.

    The folder appears when all of them are complete; until then it is `.<id>.partial`, which the next run removes.
    Raises StepFailed when there is no room, another backup is being made, or a command or PostgreSQL fails.
    """
    site, place = backups.site, backups.place(id, partial=True)
    with _alone(site, backups.databases[0]):
        _clear(site, place)
        _check_room(site, backups.databases, place)
        try:
            dumps = [_Dump(backups, place, database, release, deployment) for database in backups.databases]
            made = {dump.database: dump.run(progress) for dump in dumps}
            site.execute(finish_script(place))
        except BaseException:
            _clear(site, place)  # also on Ctrl-C: half a backup helps nobody and takes room
            raise
    return made


@contextmanager
def _alone(site: Site, database: str) -> Iterator[None]:
    with refusals("backup"), site.connect(database, application_name="pipeline-deploy backup") as connection:
        connection.execute("BEGIN READ ONLY")
        connection.execute(content.SETTINGS)
        if not connection.execute(LOCK).fetchall()[0][0]:
            raise StepFailed(f"another backup of {site.dbname(database)} is being made: wait until it is over")
        yield


def _clear(site: Site, place: Place) -> None:
    """Remove what unfinished runs left; make the folder for all backups, which nobody else may enter."""
    backups = shlex.quote(str(place.backups))
    text = f"mkdir -p -m 700 {backups}; find {backups} -maxdepth 1 -type d -name '.*.partial' -exec rm -rf {{}} +"
    site.execute(Script(text, on=HOST, note="what unfinished backups left is removed"))


def _check_room(site: Site, databases: Sequence[str], place: Place, copies: int = 2) -> None:
    """Room for the dump, and for the copy that will prove it. A dump is smaller than its database, so this is ample."""
    needed = copies * sum(_size(site, database) for database in databases)
    free = int(site.execute(room_script(place)).out.split()[0]) * 1024
    if free < needed:
        raise StepFailed(f"no room for a backup: {place.backups} has {free >> 20} MB free, it needs {needed >> 20} MB")


def _size(site: Site, database: str) -> int:
    with refusals("size of the database"), site.connect(database) as connection:
        return int(connection.execute("SELECT pg_database_size(current_database())").fetchall()[0][0])


def room_script(place: Place) -> Script:
    text = f"df -Pk {shlex.quote(str(place.backups))} | awk 'NR == 2 {{ print $4 }}'"
    return Script(text, on=HOST, note="room for the dump, in KB")


def dump_line(jobs: int, folder: str) -> str:
    """pg_dump of the moment that $SNAPSHOT names. Level 1 compresses several times faster and little less."""
    options = f"--format=directory --compress=1 --jobs={jobs} --no-password --lock-wait-timeout=60000"
    return f'pg_dump {options} --snapshot="$SNAPSHOT" --file={shlex.quote(folder)}'


def sums_script(folder: str) -> Script:
    """Prints `<sha256>  ./<file>` for each file of a dump, then `<bytes> ./<file>` for each."""
    text = f"{SUM}\ncd {shlex.quote(folder)}\nfind . -type f -exec $sum {{}} +\nfind . -type f -exec wc -c {{}} +"
    return Script(text, on=HOST, timeout=LONG, note="sha256 and size of each file")


def finish_script(place: Place) -> Script:
    partial, folder = shlex.quote(place.folder), shlex.quote(str(place.backups / place.id))
    return Script(f"[ ! -e {folder} ]\nmv {partial} {folder}", on=HOST, note="complete: it gets its name")


class _Dump:
    """One database of one backup."""

    def __init__(self, backups: Backups, place: Place, database: str, release: str, deployment: str) -> None:
        self.site, self.jobs, self.place, self.database = backups.site, backups.jobs, place, database
        self.release, self.deployment = release, deployment
        self.data = place.data(database)

    def run(self, progress: Progress) -> Manifest:
        began, started = time.monotonic(), datetime.now(UTC)
        progress.say(f"dumping {self.site.dbname(self.database)}")
        with refusals(f"backup of {self.site.dbname(self.database)}"), ExitStack() as stack:
            first, *others = [stack.enter_context(self.site.connect(self.database)) for _ in range(1 + self.jobs)]
            first.execute(ORPHANS)
            found = self._dumped(first, others)
        files = found.pop("files")
        manifest = Manifest(
            id=self.place.id,
            database=self.database,
            dbname=self.site.dbname(self.database),
            release=self.release,
            deployment=self.deployment,
            started_at=started,
            seconds=seconds_since(began),
            files=files,
            bytes=sum(file.bytes for file in files.values()),
            **found,
        )
        self.site.write(self.place.manifest(self.database), manifest.text(), 0o600)
        return manifest

    def _dumped(self, first: Connection, others: list[Connection]) -> dict[str, Any]:
        """What the manifest says of the content; checksums are computed while pg_dump runs, from the same snapshot."""
        before = content.sequences(first)
        with content.frozen(first):
            snapshot = content.exported(first)
            tables, files = both(
                lambda: content.checksums(*others, snapshot=snapshot), lambda: self._files(snapshot), others
            )
            shape = content.shape(first)
        after = content.sequences(first)
        return {
            "tables": tables,
            "files": files,
            "shape": shape,
            "sequences": {name: (before.get(name), value) for name, value in after.items()},
            "server_version": str(first.execute("SHOW server_version").fetchall()[0][0]),
            "dump_version": self.site.execute(Script("pg_dump --version", on=HOST)).out.split(") ", 1)[1].strip(),
        }

    def _files(self, snapshot: str) -> dict[str, File]:
        self.site.execute(self.script(snapshot))
        return read_sums(self.site.execute(sums_script(self.data)).out)

    def script(self, snapshot: str) -> Script:
        env, secrets = self.site.libpq(self.database)
        text = f"umask 077\nmkdir -p {shlex.quote(self.place.of(self.database))}\n{dump_line(self.jobs, self.data)}"
        env |= {"SNAPSHOT": snapshot, "PGAPPNAME": DUMPING}
        return Script(text, env=env, secrets=secrets, on=HOST, timeout=LONG)


def both(background: Callable[[], A], foreground: Callable[[], B], used: Sequence[Connection]) -> tuple[A, B]:
    """Both at once. When the foreground fails, what the background asked over its connections is cancelled."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(background)
        try:
            done = foreground()
        except BaseException:
            for connection in used:
                connection.cancel_safe()
            raise
        return running.result(), done


def read_sums(out: str) -> dict[str, File]:
    """What `sums_script` printed, by file name."""
    sums: dict[str, str] = {}
    files: dict[str, File] = {}
    for line in out.splitlines():
        first, _, name = line.strip().partition(" ")
        name = name.strip().removeprefix("*").removeprefix("./")
        if len(first) == 64:
            sums[name] = first
        elif name in sums:  # the other lines are wc's totals
            files[name] = File(sha256=sums[name], bytes=int(first))
    return files


def plan_script(backups: Backups, place: Place, database: str) -> Script:
    """The dump as shell alone: psql holds the snapshot open while pg_dump and the checksums use it."""
    env, secrets = backups.site.libpq(database)
    folder = shlex.quote(place.of(database))
    queries = f"{content.SETTINGS.strip()};\nSELECT statement FROM ({content.STATEMENTS.strip()}\n) AS tables \\gexec"
    text = f"""
        umask 077
        mkdir -p {folder}
        hold=$(mktemp -d)
        mkfifo "$hold/in"
        psql -XAtq <"$hold/in" >"$hold/out" &
        exec 3>"$hold/in"
        echo 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();' >&3
        until [ -s "$hold/out" ]; do sleep 0.1; done
        SNAPSHOT=$(cat "$hold/out")
        {dump_line(backups.jobs, place.data(database))}
        same="BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '$SNAPSHOT';"
        printf '%s\\n' "$same" "$QUERIES" | psql -XAtq -v ON_ERROR_STOP=1 >{folder}/content.txt
        exec 3>&-
        wait
        rm -r "$hold"
        """
    env = {**env, "QUERIES": queries}
    note = f"{env['PGDATABASE']}: dump, rows and checksums of one moment (needs PGPASSWORD)"
    return Script(dedent(text).strip(), env=env, secrets=secrets, on=HOST, timeout=LONG, note=note)
