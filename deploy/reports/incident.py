"""`incident.md`: what failed, when what happened, what was done, and what people still have to write down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy import plain
from deploy.reports.markdown import table
from deploy.result import OPEN, Result, Severity, Status

TOLD_ELSEWHERE = frozenset({"seq", "at", "kind", "hash", "prev", "previous", "results"})
TO_FILL_IN = "_To be filled in by a person._"


@dataclass(frozen=True)
class Incident:
    """What is known when a deployment has failed.

    `what` is one or two sentences; `records` are the journal's, as mappings with seq, at (ISO time), kind and more;
    `results` are those that led here; `steps` what was done about it, in order; `commands` what a person must run.
    """

    deployment: str
    system: str
    environment: str
    version: str
    what: str
    at: datetime
    records: Sequence[Mapping[str, Any]] = ()
    results: Sequence[Result] = ()
    steps: Sequence[str] = ()
    commands: Sequence[str] = ()


def report(incident: Incident) -> str:
    """The whole document, with empty fields for cause and prevention."""
    about = f"{incident.system}, {incident.environment}, version {incident.version}"
    parts = [
        f"# Incident of {incident.at:%Y-%m-%d %H:%M} UTC: deployment {plain.markdown(incident.deployment)}",
        plain.markdown(about),
        f"## What failed\n\n{plain.markdown(incident.what, 2000)}",
        "## Timeline\n\n" + _timeline(incident.records),
        "## Evidence\n\n" + _evidence(incident.results),
        "## Steps taken\n\n" + _numbered([plain.markdown(step, 1000) for step in incident.steps]),
        _commands(incident.commands),
        f"## Cause\n\n{TO_FILL_IN}",
        f"## Prevention\n\n{TO_FILL_IN}",
        f"## Time to recovery\n\n{TO_FILL_IN}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _timeline(records: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        {"#": each.get("seq"), "At": each.get("at"), "What": each.get("kind"), "Details": _rest(each)}
        for each in records
    ]
    return table(rows) if rows else "The journal has no records."


def _rest(record: Mapping[str, Any]) -> str:
    """What else a record says, in one line."""
    return ", ".join(f"{key}: {value}" for key, value in record.items() if key not in TOLD_ELSEWHERE and value)


def _evidence(results: Sequence[Result]) -> str:
    """What did not hold, the gravest first; of what nobody has signed, only what can close a gate."""
    shown = [each for each in results if each.status in OPEN - {Status.PENDING} or each.holds_gate]
    shown.sort(key=lambda each: (each.status is Status.PENDING, each.severity is not Severity.CRITICAL))
    return "\n\n".join(_one(result) for result in shown) if shown else "No check was open."


def _one(result: Result) -> str:
    where = f" at {plain.markdown(result.host)}" if result.host not in ("", "localhost") else ""
    head = (
        f"**{plain.markdown(result.title)}**{where}: {result.status}, {result.severity}, {result.asked_at:%H:%M:%S} UTC"
    )
    rows = [
        f"- {label}: {plain.markdown(text, 500)}"
        for label, text in (("expected", result.expected), ("found", result.found), ("to do", result.action))
        if text
    ]
    block = ["", plain.fenced(result.evidence)] if result.evidence.strip() else []
    return "\n".join([head, "", *rows, *block])


def _numbered(steps: Sequence[str]) -> str:
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, start=1)) or "None."


def _commands(commands: Sequence[str]) -> str:
    if not commands:
        return ""
    rows = [row for command in commands for row in command.split("\n")]
    return "## To run by a person, in this order\n\n" + plain.fenced("\n".join(rows), most=len(rows), limit=10_000)
