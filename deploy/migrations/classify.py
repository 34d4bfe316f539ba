"""What a rollback can do about a migration: nothing needed, run its `down.sql`, or restore.

Only what is known to be harmless is called so; all else, and what cannot be read as SQL, takes a restore. Two questions
are asked of each statement: can the release before live with it, and does it destroy what no `down.sql` brings back?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from deploy.migrations.lint import Linted
from deploy.migrations.plan import Class
from deploy.migrations.tree import Node, name_of, statements

# The release before does not notice these: it names the columns it reads, and never an index or a new object.
ADDS = frozenset(
    {
        "CREATE_TYPE",
        "CREATE_DOMAIN",
        "CREATE_SEQUENCE",
        "CREATE_SCHEMA",
        "CREATE_EXTENSION",
        "CREATE_VIEW",
        "CREATE_MATERIALIZED_VIEW",
        "CREATE_TABLE_AS",
        "CREATE_FUNCTION",
        "CREATE_STATISTICS",
        "COMMENT_ON",
        "ANALYZE",
        "VACUUM",
        "REINDEX",
        "SET",
        "RESET",
        "BEGIN",
        "COMMIT_TRANSACTION",
    }
)
# What these take away is gone; a promise to bring it back (`down.sql`) can only bring back its shape.
DESTROYS: Mapping[str, str] = {
    "DROP_TABLE": "drops a table",
    "DROP_SCHEMA": "drops a schema",
    "DROP_DATABASE": "drops a database",
    "DROP_OWNED": "drops what a role owns",
    "DROP_EXTENSION": "drops an extension",
    "DROP_MATERIALIZED_VIEW": "drops a materialized view",
    "DROP_SEQUENCE": "drops a sequence",
    "DROP_TYPE": "drops a type",
    "DROP_DOMAIN": "drops a domain",
    "TRUNCATE": "empties a table",
    "DELETE": "deletes rows",
    "MERGE": "changes rows",
    "DROP_COLUMN": "drops a column",
}
# What these change, a `down.sql` written for it can change back.
CHANGES: Mapping[str, str] = {
    "ALTER_TABLE": "changes a table",
    "ALTER_TYPE": "changes a type",
    "ALTER_INDEX": "changes an index",
    "ALTER_SEQUENCE": "changes a sequence",
    "ALTER_VIEW": "changes a view",
    "CREATE_TABLE": "is tied to a table that the old release knows",
    "CREATE_INDEX": "makes an index unique on a table that the old release writes",
    "DROP_INDEX": "drops an index",
    "DROP_VIEW": "drops a view",
    "DROP_FUNCTION": "drops a function",
    "DROP_TRIGGER": "drops a trigger",
    "DROP_POLICY": "drops a policy",
    "CREATE_TRIGGER": "adds a trigger",
    "CREATE_RULE": "adds a rule",
    "CREATE_POLICY": "adds a policy",
    "CREATE_VIEW": "replaces a view",
    "CREATE_FUNCTION": "replaces a function",
    "INSERT": "adds rows to a table that the old release reads",
    "UPDATE": "changes rows",
    "GRANT": "grants rights",
    "REVOKE": "revokes rights",
}
HARMLESS_IN_A_NEW_COLUMN = frozenset(
    {"COLUMN_NAME", "PATH_TYPE", "COLLATE", "NULL_CONSTRAINT", "DEFAULT_CONSTRAINT", "IF_NOT_EXISTS"}
)
# Findings of squawk that say: clients of before break. A second reading of the same text, for what ours overlooks.
BREAKING_RULES = frozenset(
    {
        "adding-not-nullable-field",
        "adding-required-field",
        "adding-primary-key-constraint",
        "ban-alter-domain-with-add-constraint",
        "ban-char-field-change",
        "ban-drop-column",
        "ban-drop-database",
        "ban-drop-not-null",
        "ban-drop-table",
        "ban-drop-type",
        "ban-truncate-cascade",
        "changing-column-type",
        "renaming-column",
        "renaming-object",
        "renaming-table",
        "syntax-error",
    }
)


@dataclass(frozen=True)
class Classified:
    """A migration's class, and the reasons why it is not expand-only."""

    kind: Class
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Trouble:
    """Why a statement is not expand-only; `lost` when no `down.sql` can make good for it."""

    reason: str
    lost: bool


def classify(linted: Linted, *, has_down: bool) -> Classified:
    """The class of a migration, from what squawk says of its SQL and whether it has a `down.sql`."""
    if linted.tree is None:
        return Classified("restore-only", (f"cannot be read as SQL: {linted.why}",))
    troubles = list(_troubles(linted.tree))
    if not troubles:
        troubles = [_Trouble(f"{f.rule} (line {f.line})", False) for f in linted.findings if f.rule in BREAKING_RULES]
        troubles = [] if _only_new_tables(linted.tree) else troubles
    reasons = tuple(dict.fromkeys(trouble.reason for trouble in troubles))
    if not troubles:
        return Classified("expand-only")
    if has_down and not any(trouble.lost for trouble in troubles):
        return Classified("reversible", reasons)
    return Classified("restore-only", reasons)


def _only_new_tables(tree: Node) -> bool:
    """Whether every table that is altered was made by the same script."""
    new = _new(tree)
    return all(_target(node) in new for node in statements(tree) if node.kind == "ALTER_TABLE")


def _new(tree: Node) -> frozenset[str]:
    made = (node for node in statements(tree) if node.kind == "CREATE_TABLE" and not node.part("IF_NOT_EXISTS"))
    return frozenset(name_of(node.part("TABLE_NAME")) for node in made)


def _target(node: Node) -> str:
    return name_of(node.part("TABLE_RELATION_NAME", "RELATION_NAME_REF", "RELATION_NAME"))


def _troubles(tree: Node) -> Iterator[_Trouble]:
    new = _new(tree)
    for statement in statements(tree):
        yield from _of(statement, new)


def _of(statement: Node, new: frozenset[str]) -> Iterator[_Trouble]:
    """What is wrong with one statement. Data-changing parts (`with … delete`) count wherever they stand."""
    kind = statement.kind
    inner = next((node for node in statement.walk() if node.kind in DESTROYS), None)
    if inner is not None and not (kind == "DELETE" and _target(statement) in new):
        yield _Trouble(_at(DESTROYS[inner.kind], statement), True)
    elif _harmless(statement, new):
        return
    elif kind in CHANGES:
        yield _Trouble(_at(CHANGES[kind], statement), False)
    else:
        yield _Trouble(_at("is not known to be harmless", statement), True)


def _harmless(statement: Node, new: frozenset[str]) -> bool:
    if statement.kind in HARMLESS:
        return HARMLESS[statement.kind](statement, new)
    return statement.kind in ADDS and not statement.has("OR_REPLACE", "INSERT", "UPDATE")


def _at(what: str, statement: Node) -> str:
    return f"{what}: {' '.join(statement.text.split())[:100]}"


def _index(statement: Node, new: frozenset[str]) -> bool:
    """A plain index slows writes and refuses none; a unique one refuses."""
    return not any(node.kind == "UNIQUE_KW" for node in statement.children) or _target(statement) in new


def _insert(statement: Node, new: frozenset[str]) -> bool:
    return _target(statement) in new and not any(
        node is not statement and node.kind == "UPDATE" for node in statement.walk()
    )


def _alter(statement: Node, new: frozenset[str]) -> bool:
    """Columns that an insert of before may leave out; anything on a table that it does not know."""
    known = frozenset({"ALTER_KW", "TABLE_KW", "WHITESPACE", "COMMENT", "COMMA", "SEMICOLON", "IF_EXISTS"})
    actions = [node for node in statement.children if node.kind not in known | {"TABLE_RELATION_NAME"}]
    return bool(actions) and all(_column(action) or _on_new(action, statement, new) for action in actions)


def _column(action: Node) -> bool:
    if action.kind != "ADD_COLUMN":
        return False
    parts = {n.kind for n in action.children if not n.kind.endswith("_KW") and n.kind not in ("WHITESPACE", "COMMENT")}
    required = "NOT_NULL_CONSTRAINT" in parts and "DEFAULT_CONSTRAINT" not in parts
    return not required and parts <= HARMLESS_IN_A_NEW_COLUMN | {"NOT_NULL_CONSTRAINT"}


def _on_new(action: Node, statement: Node, new: frozenset[str]) -> bool:
    """A foreign key may make the release before fail, if it forbids to delete a row that it knows."""
    if _target(statement) not in new:
        return False
    keys = action.all("FOREIGN_KEY_CONSTRAINT") + action.all("REFERENCES_CONSTRAINT")
    return all(_gentle(key, new) for key in keys)


def _gentle(key: Node, new: frozenset[str]) -> bool:
    action = key.part("ON_DELETE_ACTION")
    return name_of(key.part("TABLE_NAME_REF")) in new or (
        action is not None and action.has("CASCADE", "SET_NULL_COLUMNS")
    )


def _create(statement: Node, new: frozenset[str]) -> bool:
    """A child of a table that is read already would show up among its rows."""
    keys = statement.all("REFERENCES_CONSTRAINT") + statement.all("FOREIGN_KEY_CONSTRAINT")
    return not statement.has("INHERITS", "PARTITION_OF") and all(_gentle(key, new) for key in keys)


HARMLESS: Mapping[str, Callable[[Node, frozenset[str]], bool]] = {
    "CREATE_INDEX": _index,
    "INSERT": _insert,
    "ALTER_TABLE": _alter,
    "CREATE_TABLE": _create,
}
