"""The migrations that a release carries: one shell script lists them all, and a pure parser reads what it prints.

`prisma`: `<name>/migration.sql` with an optional `down.sql` beside it. `sql`: `NNN_name.sql` with `NNN_name.down.sql`.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from deploy.errors import ConfigError

Kind = Literal["prisma", "sql"]
TABLES: Mapping[str, str] = {"prisma": "_prisma_migrations", "sql": "_deploy_migrations"}
LOCK_FILE = "migration_lock.toml"
PROVIDER = re.compile(r"""^\s*provider\s*=\s*["'](?P<name>[^"']*)["']""", re.MULTILINE)
POSTGRES = frozenset({"postgresql", "postgres"})
NUMBERED = re.compile(r"\d+.*(?<!\.down)\.sql")


@dataclass(frozen=True)
class Migration:
    """One migration: its name in the history, its SQL, the SQL that takes it back, and where it was read.

    `checksum` is the sha256 of the file's bytes in hex, as Prisma computes it.
    """

    name: str
    sql: str
    checksum: str
    down: str | None = None
    path: str = ""


def listing(folder: str, layout: Kind) -> str:
    """POSIX shell that prints each file of interest as `path<TAB>base64`, and each empty folder as `path<TAB>-`."""
    wanted = f'"$d"/migration.sql "$d"/down.sql ./{LOCK_FILE}' if layout == "prisma" else "./*.sql"
    show = 'for f in {}; do [ -e "$f" ] || continue; printf "%s\\t" "$f"; base64 <"$f" | tr -d "\\n"; echo; done'
    lines = [f"cd {shlex.quote(folder)}"]
    if layout == "prisma":
        lines += [
            show.format(f"./{LOCK_FILE}"),
            'for d in ./*/; do [ -d "$d" ] || continue; d=${d%/}',
            'printf "%s\\t-\\n" "$d"',
            show.format('"$d"/migration.sql "$d"/down.sql'),
            "done",
        ]
    else:
        lines.append(show.format(wanted))
    return "\n".join(lines)


def parse(printed: str, folder: str, layout: Kind) -> list[Migration]:
    """What `listing` printed, as migrations in the order of their names; ConfigError names the file to mend."""
    files = {path.removeprefix("./"): text for path, _, text in (line.partition("\t") for line in printed.splitlines())}
    if layout == "prisma":
        _check_provider(files, folder)
        return [_prisma(name, files, folder) for name in sorted(path for path in files if files[path] == "-")]
    names = sorted(path for path in files if not path.endswith(".down.sql"))
    return [_plain(name, files, folder) for name in _numbered(names, folder)]


def _check_provider(files: Mapping[str, str], folder: str) -> None:
    where = f"{folder}/{LOCK_FILE}"
    if LOCK_FILE not in files:
        if not files:
            return
        raise ConfigError("is missing", where=where, fix="Commit it: Prisma writes it beside the migrations.")
    found = PROVIDER.search(_text(files[LOCK_FILE], where)[1])
    name = found["name"] if found else ""
    if name not in POSTGRES:
        raise ConfigError(
            f"the migrations are for {name or 'an unnamed provider'}, not for postgresql",
            where=where,
            fix="SQL of another database does not run here: make the migrations anew with provider = postgresql.",
        )


def _prisma(name: str, files: Mapping[str, str], folder: str) -> Migration:
    path = f"{folder}/{name}/migration.sql"
    if f"{name}/migration.sql" not in files:
        raise ConfigError(
            "the migration has no SQL", where=path, fix="Add the file (it may be empty) or remove the folder."
        )
    return _migration(name, path, files[f"{name}/migration.sql"], files.get(f"{name}/down.sql"))


def _numbered(names: Iterable[str], folder: str) -> list[str]:
    kept = list(names)
    for name in kept:
        if not NUMBERED.fullmatch(name):
            raise ConfigError(
                "its name does not start with a number", where=f"{folder}/{name}", fix="Name it like 012_add_index.sql."
            )
    return kept


def _plain(name: str, files: Mapping[str, str], folder: str) -> Migration:
    stem = name.removesuffix(".sql")
    return _migration(stem, f"{folder}/{name}", files[name], files.get(f"{stem}.down.sql"))


def _migration(name: str, path: str, encoded: str, down: str | None) -> Migration:
    raw, sql = _text(encoded, path)
    taken_back = None if down is None else _text(down, f"{path} (its down.sql)")[1]
    return Migration(name, sql, hashlib.sha256(raw).hexdigest(), taken_back, path)


def _text(encoded: str, where: str) -> tuple[bytes, str]:
    raw = base64.b64decode(encoded)
    try:
        return raw, raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"byte {error.start} is not UTF-8", where=where, fix="Save the file as UTF-8.") from None
