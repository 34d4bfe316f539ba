"""The phases of one deployment as its journal tells them, in the order in which they went, with what broke off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from deploy.journal import Journal, Record
from deploy.reports.markdown import PhaseRecord
from deploy.result import Result, Severity, Status

BEGINS = ("phase.started", "rollback.started")
ENDS = ("failed", "closed")


@dataclass
class Running:
    """A phase that has begun and is not over: its steps so far, and the one it is at."""

    name: str
    at: datetime
    last: datetime
    steps: list[tuple[str, float]] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    step: str = ""

    def hear(self, record: Record) -> None:
        """What a journal's record says about it."""
        self.last = moment(record)
        kind = record["kind"]
        if kind in ("step.intended", "undo.intended"):
            self.step = record["step"]
        elif kind in ("step.done", "undo.done"):
            self._done(record["step"], record.get("took", 0.0))
            self.step = ""
        elif kind == "step.already":
            self.already = list(dict.fromkeys([*self.already, f"{record['step']} (already so)"]))

    def _done(self, step: str, took: float) -> None:
        """A step is over; one that is done on many hosts is told once, with the time of the slowest."""
        known = dict(self.steps)
        self.steps = list((known | {step: max(took, known.get(step, 0.0))}).items())

    def over(self, checked: Record) -> PhaseRecord:
        found = [result_of(row) for row in checked["results"]]
        return self._told(checked.get("took", 0.0), found, window=checked.get("window") or "")

    def broken(self) -> PhaseRecord:
        """It ended before its checks: in a step, or between two."""
        return self._told((self.last - self.at).total_seconds(), [], broke=self.step or self.name)

    def _told(self, took: float, found: list[Result], **more: str) -> PhaseRecord:
        change = ", ".join([*(step for step, _ in self.steps), *self.already])
        return PhaseRecord(self.name, took, found, change, self.at, self.steps, **more)


def phases(journal: Journal) -> Iterator[PhaseRecord]:
    """Each phase that was begun, in order, with what its steps changed; also those that were judged again later."""
    running: Running | None = None
    for record in journal.records:
        if record["kind"] == "checked":
            yield (running or later(record)).over(record)
            running = None
        elif running and record["kind"] in (*BEGINS, *ENDS):
            running.last = max(running.last, moment(record)) if record["kind"] == "failed" else running.last
            yield running.broken()
            running = None
        elif running:
            running.hear(record)
        if record["kind"] in BEGINS:
            running = Running(record.get("phase", "rollback"), moment(record), moment(record))
    if running:
        yield running.broken()


def later(checked: Record) -> Running:
    """A phase that was judged for itself, after the deployment."""
    at = moment(checked) - timedelta(seconds=checked.get("took", 0.0))
    return Running(checked["phase"], at, at)


def moment(record: Record) -> datetime:
    return datetime.fromisoformat(record["at"])


def result_of(row: Mapping[str, Any]) -> Result:
    """A result as the journal keeps it, back as a Result."""
    typed = {
        "severity": Severity(row["severity"]),
        "status": Status(row["status"]),
        "asked_at": datetime.fromisoformat(row["asked_at"]),
    }
    return Result(**{**row, **typed})
