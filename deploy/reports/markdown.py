"""`report.md`: what a deployment leaves for people. The verdict first, then the record, then all that supports it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy import plain
from deploy.result import OPEN, Result, Status, closing

FAILING = OPEN - {Status.PENDING}


@dataclass(frozen=True)
class PhaseRecord:
    """One phase as it went: what its change was (empty without one), seconds, and the results of its checks."""

    name: str
    took: float
    results: Sequence[Result] = ()
    change: str = ""


@dataclass(frozen=True)
class DeploymentRecord:
    """All that the report tells; `outcome` is one sentence, `checklist` the ticked text.

    `signoffs` are mappings with item, by, at, note; `backups` and `migrations` are rows of a table, their keys the
    columns (for a backup: database, file, size, receipt, …); `notes` are what people must know (databases that were
    kept, waivers that do not count). `signoffs_hold` tells whether pending items close the gate here.
    """

    deployment: str
    system: str
    environment: str
    version: str
    outcome: str
    by: str
    started: datetime
    ended: datetime
    previous: str = ""
    phases: Sequence[PhaseRecord] = ()
    checklist: str = ""
    signoffs: Sequence[Mapping[str, Any]] = ()
    backups: Sequence[Mapping[str, Any]] = ()
    migrations: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()
    signoffs_hold: bool = True


def report(record: DeploymentRecord) -> str:
    """The whole document; it ends with a line end."""
    results = [result for phase in record.phases for result in phase.results]
    waived = [result for result in results if result.status is Status.WAIVED]
    parts = [
        f"# {plain.markdown(record.outcome, 500)}",
        _verdict(results, record.signoffs_hold),
        "## Deployment record\n\n" + table([{"Record": key, "Value": value} for key, value in _facts(record).items()]),
        _listed("Notes", [plain.markdown(note, 1000) for note in record.notes]),
        _listed("What does not hold", [_told(result) for result in results if result.status in FAILING]),
        _listed("What awaits a signature", [_told(each) for each in results if each.status is Status.PENDING]),
        "## Phases\n\n" + table([_phase(phase) for phase in record.phases]),
        _listed("Waivers", [f"{plain.markdown(each.title)}: {plain.markdown(each.evidence, 500)}" for each in waived]),
        _tabled("Sign-offs", record.signoffs),
        _tabled("Backups", record.backups),
        _tabled("Migrations", record.migrations),
        _deeper(record.checklist),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _verdict(results: Sequence[Result], signoffs_hold: bool) -> str:
    counts = Counter(result.status for result in results)
    held = [each for each in closing(results) if signoffs_hold or each.status is not Status.PENDING]
    told = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status]) or "nothing was checked"
    return f"Checks: {told}." + (f" **{len(held)} of them close the gate.**" if held else "")


def _facts(record: DeploymentRecord) -> dict[str, Any]:
    return {
        "Deployment": record.deployment,
        "System": record.system,
        "Environment": record.environment,
        "Version": record.version,
        "Version before": record.previous or "none",
        "Deployed by": record.by,
        "Date": f"{record.started:%Y-%m-%d %H:%M:%S} UTC",
        "Duration": f"{(record.ended - record.started).total_seconds():.1f} s",
        "Signed by": ", ".join(dict.fromkeys(str(each.get("by", "")) for each in record.signoffs)) or "nobody",
    }


def _phase(phase: PhaseRecord) -> dict[str, Any]:
    counts = Counter(result.status for result in phase.results)
    told = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    return {"Phase": phase.name, "Change": phase.change, "Checks": told or "none", "Seconds": f"{phase.took:.1f}"}


def _told(result: Result) -> str:
    """An item that does not hold, as a list entry with its evidence."""
    where = f" at {plain.markdown(result.host)}" if result.host not in ("", "localhost") else ""
    first = f"**{result.status}** ({result.severity}) {plain.markdown(result.title)}{where}"
    facts = {"expected": result.expected, "found": result.found, "to do": result.action}
    rows = [f"  - {label}: {plain.markdown(text, 500)}" for label, text in facts.items() if text]
    evidence = plain.fenced(result.evidence).split("\n") if result.evidence.strip() else []
    return "\n".join([first, *rows, *(["", *(f"  {row}" for row in evidence)] if evidence else [])])


def _listed(title: str, entries: Sequence[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {entry}" for entry in entries) if entries else ""


def _tabled(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    return f"## {title}\n\n{table(rows)}" if rows else ""


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of rows; the keys are its columns, in the order in which they first come."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    body = [[_cell(row.get(column, "")) for column in columns] for row in rows]
    lines = [[_cell(column) for column in columns], ["---"] * len(columns), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    return plain.markdown(str(value), 300)


def _deeper(checklist: str) -> str:
    """The checklist as a chapter: its headings one level down, what looks like one inside a block left alone."""
    text = checklist.removeprefix("\N{BYTE ORDER MARK}").lstrip()
    lines, fence = [] if text.startswith("# ") or not text else ["## Checklist", ""], ""
    for line in text.splitlines():
        marker = line.strip()[:3]
        if marker in {"```", "~~~"} and fence in {"", marker}:
            fence = "" if fence else marker
        lines.append(f"#{line}" if line.startswith("#") and not fence else line)
    return "\n".join(lines)
