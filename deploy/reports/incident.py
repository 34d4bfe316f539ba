"""`incident.md`: what failed, when what happened, what was done, and what people still have to write down."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deploy import plain
from deploy.reports.markdown import table
from deploy.result import OPEN, Result, Severity, Status
from deploy.secret import mask

TOLD_ELSEWHERE = frozenset({"seq", "at", "kind", "hash", "prev", "previous", "results"})
TO_FILL_IN = "_To be filled in by a person._"
FIELDS = ("Impact", "Found by", "Cause", "Actions", "Prevention", "Follow-ups", "Owner")
RECOVERY = "## Time to recovery"
PLACEHOLDER = re.compile(r"[\W_]*(to be filled in.*|tb[acd]|todo|fixme|unknown|x+)?[\W_]*", re.I)
HEADING = re.compile(rf"^## ({'|'.join(FIELDS)})[ \t]*$", re.M)


@dataclass(frozen=True)
class Incident:
    """What is known when a deployment has failed.

    `what` is one or two sentences; `records` are the journal's, as mappings with seq, at (ISO time), kind and more;
    `results` are those that led here; `steps` what was done about it, in order; `commands` what a person must run.
    `recovery` tells how long it took until all was as before; `fields` is what people wrote, by FIELDS; `closed` by
    whom and when, empty while it is open.
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
    recovery: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    closed: str = ""

    @property
    def written(self) -> dict[str, str]:
        """Every field with what people wrote in it, in the order of FIELDS; empty where they did not."""
        return {name: self.fields.get(name, "") for name in FIELDS}

    @property
    def missing(self) -> list[str]:
        """The fields that are still empty, or hold a placeholder."""
        return [name for name, text in self.written.items() if PLACEHOLDER.fullmatch(text)]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The journal as a table."""
        return [
            {"#": each.get("seq"), "At": each.get("at"), "What": each.get("kind"), "Details": _rest(each)}
            for each in self.records
        ]


def report(incident: Incident) -> str:
    """The whole document, with fields for people at its end; only those are kept when it is written anew."""
    about = f"{incident.system}, {incident.environment}, version {incident.version}"
    parts = [
        f"# Incident of {incident.at:%Y-%m-%d %H:%M} UTC: deployment {plain.markdown(incident.deployment)}",
        plain.markdown(about),
        f"Closed {plain.markdown(incident.closed)}." if incident.closed else "",
        f"## What failed\n\n{plain.markdown(incident.what, 2000)}",
        "## Timeline\n\n" + (table(incident.rows) if incident.records else "The journal has no records."),
        "## Evidence\n\n" + _evidence(incident.results),
        "## Steps taken\n\n" + _numbered([plain.markdown(step, 1000) for step in incident.steps]),
        _commands(incident.commands),
        f"{RECOVERY}\n\n{plain.markdown(incident.recovery) or 'Not recovered yet.'}",
        *(f"## {name}\n\n{mask(text) or TO_FILL_IN}" for name, text in incident.written.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def fields(document: str) -> dict[str, str]:
    """What people wrote below the headings of FIELDS at the end of an incident.md, as they wrote it."""
    start = document.rfind(f"\n{RECOVERY}\n")  # evidence may hold headings too, but stands before this one
    parts = HEADING.split(document[max(start, 0) :])
    written = {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    return {name: "" if text == TO_FILL_IN else text for name, text in written.items()}


def _rest(record: Mapping[str, Any]) -> str:
    """What else a record says, in one line; of a baseline's numbers, of which items they are."""
    told = {key: value for key, value in record.items() if key not in TOLD_ELSEWHERE and value}
    if isinstance(numbers := told.get("numbers"), Mapping):
        told["numbers"] = ", ".join(numbers)
    return ", ".join(f"{key}: {value}" for key, value in told.items())


def _evidence(results: Sequence[Result]) -> str:
    return "\n\n".join(_one(result) for result in relevant(results)) or "No check was open."


def relevant(results: Sequence[Result]) -> list[Result]:
    """What did not hold, the gravest first; of what nobody has signed, only what can close a gate."""
    shown = [each for each in results if each.status in OPEN - {Status.PENDING} or each.holds_gate]
    return sorted(shown, key=lambda each: (each.status is Status.PENDING, each.severity is not Severity.CRITICAL))


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
