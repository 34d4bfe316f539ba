"""What a check found, as data. Printers turn results into text; the exit code follows from them alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum


class Status(StrEnum):
    """How an item stands. `unknown` never passes: it could not be asked, or there was too little to judge."""

    PASS = "pass"  # noqa: S105 - a status, no password
    FAIL = "fail"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    PENDING = "pending"
    SKIPPED = "skipped"


class Severity(StrEnum):
    """What an item that does not hold means: `critical` closes the gate, `warning` and `info` never do."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


OPEN = frozenset({Status.FAIL, Status.UNKNOWN, Status.PENDING})


@dataclass(frozen=True)
class Verdict:
    """A probe's judgement of one answer: status, what was expected, what was found, and the evidence for it."""

    status: Status
    expected: str
    found: str
    evidence: str = ""


def passed(expected: str, found: str, evidence: str = "") -> Verdict:
    return Verdict(Status.PASS, expected, found, evidence)


def failed(expected: str, found: str, evidence: str = "") -> Verdict:
    return Verdict(Status.FAIL, expected, found, evidence)


def unknown(expected: str, why: str, evidence: str = "") -> Verdict:
    return Verdict(Status.UNKNOWN, expected, why, evidence)


def judged(holds: bool, expected: str, found: str, evidence: str = "") -> Verdict:
    """A pass or a fail, for what was really seen."""
    return Verdict(Status.PASS if holds else Status.FAIL, expected, found, evidence)


@dataclass(frozen=True)
class Result:
    """One item's verdict at one host at one moment; `took` is in seconds, `asked_at` in UTC."""

    item: str
    title: str
    phase: str
    severity: Severity
    status: Status
    expected: str = ""
    found: str = ""
    evidence: str = ""
    action: str = ""
    host: str = ""
    due: str = ""
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    took: float = 0.0

    @property
    def holds_gate(self) -> bool:
        """Whether this result alone closes the gate."""
        return self.severity is Severity.CRITICAL and self.status in OPEN


def closing(results: Iterable[Result]) -> list[Result]:
    """The results that close the gate, in their order."""
    return [result for result in results if result.holds_gate]


class Readiness(StrEnum):
    """`blocked`: a gate is closed. `needs fixes`: warnings do not hold. A missing signature alone is no fault."""

    READY = "ready"
    NEEDS_FIXES = "needs fixes"
    BLOCKED = "blocked"


def readiness(results: Iterable[Result], *, closed: bool) -> Readiness:
    """What results come to in one word; `closed` tells whether a gate is."""
    if closed:
        return Readiness.BLOCKED
    faults = [each for each in results if each.status in (Status.FAIL, Status.UNKNOWN)]
    return Readiness.NEEDS_FIXES if any(each.severity is Severity.WARNING for each in faults) else Readiness.READY
