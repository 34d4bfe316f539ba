"""`report.md`: what a deployment leaves for people. The verdict first, then the record, then all that supports it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deploy import plain
from deploy.reports.grouped import answers, outcome, where
from deploy.reports.lines import Variant
from deploy.result import OPEN, Result, Status, closing

FAILING = OPEN - {Status.PENDING}


@dataclass(frozen=True)
class PhaseRecord:
    """One phase as it went: what its change was (empty without one), seconds, and the results of its checks.

    `at` is when it began; `steps` are those of its change with their seconds; `broke` names the step that did not end.
    `window` (`24h`) is set where it was judged again after the deployment.
    """

    name: str
    took: float
    results: Sequence[Result] = ()
    change: str = ""
    at: datetime | None = None
    steps: Sequence[tuple[str, float]] = ()
    broke: str = ""
    window: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} after {self.window}" if self.window else self.name


@dataclass(frozen=True)
class DeploymentRecord:
    """All that the report tells; `outcome` is one sentence, `checklist` the ticked text.

    `signoffs` are mappings with item, by, at, note; `backups` and `migrations` are rows of a table, their keys the
    columns (for a backup: database, file, size, receipt, …); `notes` are what people must know (databases that were
    kept, waivers that do not count); `failures` why it failed. `signoffs_hold` tells whether pending items close the
    gate here.

    The rest is for pages: `how` it ended (succeeded, rolled back, stopped, open), `hosts` by role, `versions` by name,
    the results of the deployment `before` this one, the `durations` in seconds of the latest deployments (this one is
    the last), and the file of the `incident` beside it.
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
    failures: Sequence[str] = ()
    signoffs_hold: bool = True
    how: str = "succeeded"
    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    before: Sequence[Result] = ()
    durations: Sequence[float] = ()
    incident: str = ""


def report(record: DeploymentRecord) -> str:
    """The whole document; it ends with a line end."""
    results = [result for phase in record.phases for result in phase.results]
    answered = [each for phase in record.phases for each in answers(phase.results)]
    waived = [result for result in results if result.status is Status.WAIVED]
    notes = [*record.notes, *(f"Why it failed: {reason}" for reason in record.failures)]
    parts = [
        f"# {plain.markdown(record.outcome, 500)}",
        _verdict(results, record.signoffs_hold, failed=record.how != "succeeded"),
        "## Deployment record\n\n" + table([{"Record": key, "Value": value} for key, value in _facts(record).items()]),
        _listed("Notes", [plain.markdown(note, 1000) for note in notes]),
        _listed("What does not hold", [_told(each) for each in answered if each.result.status in FAILING]),
        _listed("What awaits a signature", [_told(each) for each in answered if each.result.status is Status.PENDING]),
        "## Phases\n\n" + table([_phase(phase) for phase in record.phases]),
        _listed("Waivers", [f"{plain.markdown(each.title)}: {plain.markdown(each.evidence, 500)}" for each in waived]),
        _tabled("Sign-offs", record.signoffs),
        _tabled("Backups", record.backups),
        _tabled("Migrations", record.migrations),
        _deeper(record.checklist),
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _verdict(results: Sequence[Result], signoffs_hold: bool, *, failed: bool) -> str:
    counts = Counter(result.status for result in results)
    held = [each for each in closing(results) if signoffs_hold or each.status is not Status.PENDING]
    told = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status]) or "nothing was checked"
    status = outcome(results, signoffs_hold=signoffs_hold, failed=failed).status
    return f"Status: **{status}**. Checks: {told}." + (f" **{len(held)} of them close the gate.**" if held else "")


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
    return {"Phase": phase.title, "Change": phase.change, "Checks": told or "none", "Seconds": f"{phase.took:.1f}"}


def _told(variant: Variant) -> str:
    """An item that does not hold, as a list entry with its evidence."""
    result, place = variant.result, where(variant)
    at = f" at {plain.markdown(place)}" if place else ""
    first = f"**{result.status}** ({result.severity}) {plain.markdown(result.title)}{at}"
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
