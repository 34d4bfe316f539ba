"""What is to be done to a database, from the release's migrations and the database's history. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from deploy.errors import ConfigError, PersonNeeded
from deploy.migrations.history import Row
from deploy.migrations.layout import Migration

Class = Literal["expand-only", "reversible", "restore-only"]
Way = Literal["keep", "down", "restore"]


@dataclass(frozen=True)
class Plan:
    """Names of migrations by how they stand, each in the order of the names.

    `edited`: applied, and changed in the repository since. `failed`: begun and not finished. `unknown`: applied, and
    not in the repository. These three stop. `kept` are unknown too, but a rollback left them on purpose: they only add.
    `resumable` were applied statement by statement and cut off; they are pending as well. `out_of_order` are pending
    and sort before an applied one: two branches were merged. Prisma applies those, so do we; it is only said.
    `baseless`: the database has tables and no history.
    """

    applied: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    resumable: tuple[str, ...] = ()
    out_of_order: tuple[str, ...] = ()
    baseless: bool = False

    @property
    def clean(self) -> bool:
        """Whether the history is the repository's, with nothing left to do."""
        return not self.pending and not self.problems()

    def problems(self) -> list[str]:
        """What a person must mend before anything may be applied, one sentence each."""
        found = [
            *(f"{name}: edited after it was applied. Restore the file; write a new migration." for name in self.edited),
            *(
                f"{name}: failed. See its logs in the history, mend the database, then resolve it."
                for name in self.failed
            ),
            *(
                f"{name}: applied, but the release does not have it. Deploy a release that does."
                for name in self.unknown
            ),
        ]
        if self.baseless:
            found.append("the database has tables but no history of migrations. Baseline it: record what it has.")
        return found

    def warnings(self) -> list[str]:
        return [f"{name}: sorts before a migration that is applied already" for name in self.out_of_order]


def plan(migrations: Sequence[Migration], history: Sequence[Row] | None, *, empty: bool = True) -> Plan:
    """Compare a release with a history (None: there is no table); `empty` tells whether the database has no tables.

    A row that was rolled back counts as never applied.
    """
    known = {migration.name: migration for migration in migrations}
    applied = {row.name: row for row in history or () if row.applied}
    open_rows = {row.name: row for row in history or () if row.unfinished}
    resumable = {name for name, row in open_rows.items() if _continues(row, known.get(name))}
    pending = [name for name in known if name not in applied and (name not in open_rows or name in resumable)]
    last = max((name for name in applied if name in known), default="")
    gone = [name for name in applied if name not in known]
    return Plan(
        applied=_sorted(name for name in applied if name in known),
        pending=_sorted(pending),
        edited=_sorted(name for name, row in applied.items() if name in known and row.checksum != known[name].checksum),
        failed=_sorted(name for name in open_rows if name not in resumable),
        unknown=_sorted(name for name in gone if not applied[name].kept),
        kept=_sorted(name for name in gone if applied[name].kept),
        resumable=_sorted(resumable),
        out_of_order=_sorted(name for name in pending if name < last),
        baseless=history is None and not empty and bool(migrations),
    )


def _continues(row: Row, migration: Migration | None) -> bool:
    return row.resumable and migration is not None and row.checksum == migration.checksum


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def baseline(migrations: Sequence[Migration], table: str) -> str:
    """SQL that records migrations as applied without running them; a person runs the lines that are true."""
    return "\n".join(
        f'insert into public."{table}" (id, checksum, migration_name, finished_at, applied_steps_count) values'
        f" (gen_random_uuid(), '{migration.checksum}', '{migration.name.replace(chr(39), chr(39) * 2)}', now(), 0);"
        for migration in migrations
    )


def keeps_data_up_to(classes: Mapping[str, str]) -> str | None:
    """The last migration that a rollback can live with or take back; None when already the first needs a restore."""
    last = None
    for name in sorted(classes):
        if classes[name] == "restore-only":
            return last
        last = name
    return last


def rollback_way(classes: Mapping[str, str], choice: str) -> Way:
    """What a rollback does to the database, given the class of each applied migration.

    `keep`: nothing, for all only add. `down`: their `down.sql`, last first. `restore`: the backup. `choice` is `auto`,
    `down` (what auto found before), `restore`, or `keep`, which raises PersonNeeded where only a restore helps.
    """
    if choice == "restore":
        return "restore"
    if choice not in ("auto", "keep", "down"):
        raise ConfigError(f"{choice!r} is no way to roll a database back", fix="auto, restore or keep")
    stuck = sorted(name for name, known in classes.items() if known not in ("expand-only", "reversible"))
    if stuck and choice == "keep":
        raise PersonNeeded(
            f"The release before cannot run on the data as it is: only a restore takes back {', '.join(stuck)}.",
            ["invoke rollback --database=restore"],
        )
    if stuck:
        return "restore"
    return "down" if "reversible" in classes.values() else "keep"
