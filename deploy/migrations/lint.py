"""What squawk says of a script: its findings and its syntax tree. It runs where the toolkit runs, not on a host."""

from __future__ import annotations

import json
from dataclasses import dataclass

from deploy.channels.local import run_tool
from deploy.errors import StepFailed
from deploy.migrations import tree
from deploy.migrations.tree import Node

# Style, and what our runner takes care of itself.
NOT_OURS = (
    "prefer-robust-stmts",
    "require-lock-timeout",
    "require-statement-timeout",
    "prefer-bigint-over-int",
    "prefer-identity",
)


@dataclass(frozen=True)
class Finding:
    """One rule that a script breaks, and the line (from 1) where."""

    rule: str
    line: int
    message: str


@dataclass(frozen=True)
class Linted:
    """`tree` is None where squawk cannot read the whole script as SQL; `why` then says what it stumbled over."""

    findings: tuple[Finding, ...]
    tree: Node | None
    why: str = ""


def lint(sql: str) -> Linted:
    """Findings and syntax tree of a script. StepFailed when squawk itself fails: that is no verdict on the script."""
    printed = run_tool("squawk", ("--debug", "parse"), sql)
    try:
        parsed, why = tree.parse(printed.out, sql), ""
    except tree.Unreadable as error:
        parsed, why = None, str(error)
    return Linted(_findings(sql), parsed, why)


def _findings(sql: str) -> tuple[Finding, ...]:
    done = run_tool("squawk", ("--reporter", "json", "--assume-in-transaction", "-e", ",".join(NOT_OURS)), sql)
    try:
        found = json.loads(done.out) if done.exit in (0, 1) else None
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise StepFailed(f"squawk: exited {done.exit}\n{done.err.strip()[-500:]}")
    return tuple(Finding(item["rule_name"], int(item["line"]) + 1, item["message"]) for item in found)
