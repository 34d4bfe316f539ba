"""Which scripts are one transaction, and which must run statement by statement. Pure.

PostgreSQL runs a script of several statements as one transaction, and so do we, except where a statement refuses that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deploy.errors import ConfigError
from deploy.migrations.layout import Migration
from deploy.migrations.tree import Node, name_of, statements

ALONE = frozenset(
    {"VACUUM", "CREATE_DATABASE", "DROP_DATABASE", "ALTER_SYSTEM", "CREATE_TABLESPACE", "DROP_TABLESPACE"}
)
CONCURRENT = frozenset({"CREATE_INDEX", "DROP_INDEX", "REINDEX"})
CONTROL = frozenset({"BEGIN", "COMMIT_TRANSACTION", "ROLLBACK", "ROLLBACK_TRANSACTION", "PREPARE_TRANSACTION"})


@dataclass(frozen=True)
class Piece:
    """One statement that runs by itself; `index` is the one it builds or drops without blocking, by name."""

    sql: str
    concurrent: Literal["create", "drop", ""] = ""
    index: str = ""


@dataclass(frozen=True)
class Script:
    """How a migration runs: `whole` in one transaction, or `pieces` one after the other."""

    whole: str = ""
    pieces: tuple[Piece, ...] = ()


def split(migration: Migration, tree: Node | None) -> Script:
    """ConfigError for a script that can neither be one transaction nor be resumed when it is cut off.

    A script that squawk cannot read is left whole: PostgreSQL judges it, in the rehearsal first.
    """
    if tree is None:
        return Script(migration.sql)
    found = statements(tree)
    if any(_refuses(node) for node in found):
        if any(node.kind in CONTROL for node in found):
            raise _mixed(migration)
        return Script(pieces=tuple(_piece(node, migration) for node in found))
    return Script(_without_frame(migration, found))


def _refuses(node: Node) -> bool:
    return node.kind in ALONE or _concurrent(node)


def _concurrent(node: Node) -> bool:
    return node.kind in CONCURRENT and node.has("CONCURRENTLY_KW")


def _piece(node: Node, migration: Migration) -> Piece:
    if not _concurrent(node) or node.kind == "REINDEX":
        return Piece(node.text)
    if node.kind == "DROP_INDEX":
        return Piece(node.text, "drop", name_of(node.part("INDEX_REF")))
    index = name_of(node.part("INDEX"))
    if not index:
        raise ConfigError(
            "builds an index without a name, which cannot be found again after a crash",
            where=migration.path,
            fix="Name it: CREATE INDEX CONCURRENTLY name ON …",
        )
    table = name_of(node.part("TABLE_RELATION_NAME"))
    schema = table.rpartition(".")[0]  # an index lives in the schema of its table
    return Piece(node.text, "create", f"{schema}.{index}" if schema else index)


def _without_frame(migration: Migration, found: list[Node]) -> str:
    """The script without a BEGIN at its start and COMMIT at its end: the transaction is ours, with the history row."""
    control = [place for place, node in enumerate(found) if node.kind in CONTROL]
    if not control:
        return migration.sql
    kinds = (found[0].kind, found[-1].kind)
    if control != [0, len(found) - 1] or kinds != ("BEGIN", "COMMIT_TRANSACTION"):
        raise _mixed(migration)
    raw = migration.sql.encode()
    return raw[found[1].start : found[-1].start].decode() if len(found) > 2 else ""


def _mixed(migration: Migration) -> ConfigError:
    return ConfigError(
        "controls transactions itself, so it could be left half applied",
        where=migration.path,
        fix="Split it: one migration for each transaction, and one for each statement that runs outside of any.",
    )
