"""Pages that open anywhere, without a network: one file each, with its style, script and charts inside.

Every text goes through `visible` and is escaped: what a log or a database says can never become a part of the page.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.reports import charts, grouped, numbers
from deploy.reports.incident import Incident, relevant
from deploy.reports.lines import WORST, by_phase, counts, gravest, lines, newest
from deploy.reports.markdown import DeploymentRecord, PhaseRecord
from deploy.reports.numbers import Number, short
from deploy.reports.visible import visible
from deploy.result import Readiness, Result, Severity, Status, closing

if TYPE_CHECKING:
    from jinja2 import Environment

    from deploy.reports.compare import Comparison

TEMPLATES = Path(__file__).with_name("templates")
EVIDENCE = 900_000  # characters of evidence that all items of a page have together
MOST_CHARTS = 60
MOST_GRAVE = 30  # items that are told above the checklist, too
VERDICTS = {Readiness.READY: "ready", Readiness.NEEDS_FIXES: "fixes", Readiness.BLOCKED: "blocked"}  # their tones
FAULTS = (Status.FAIL, Status.UNKNOWN)
WORDS = {Status.PASS: "passed", Status.FAIL: "failed"}


def report(record: DeploymentRecord) -> str:
    """`report.html`: the verdict, the timeline, numbers, the checklist with its evidence, and all that supports it."""
    results = [result for phase in record.phases for result in phase.results]
    latest = newest(results)
    name, why = verdict(record, latest)
    sections = [(phase, lines(phase.results)) for phase in record.phases if phase.results]
    return _page(
        "report.html.j2",
        title=f"{record.system}: {record.deployment}",
        record=record,
        verdict=name,
        why=why,
        counts=counts(latest),
        windows=[(phase, counts(phase.results)) for phase in record.phases if phase.window],
        phases=timeline(record.phases, record.signoffs_hold),
        sections=sections,
        filters=counts(line.first for _, found in sections for line in found),
        most=MOST_GRAVE,
        gravest=gravest(line for _, found in by_phase(latest) for line in found),
        numbers=followed(record),
        waived=[result for result in latest if result.status is Status.WAIVED],
        evidence_limit=max(400, min(8000, EVIDENCE // max(1, len(results)))),
    )


def incident(known: Incident, deployment: str = "report.html") -> str:
    """`incident.html`: as incident.md tells it, with the fields as a person has filled them in so far."""
    return _page(
        "incident.html.j2",
        title=f"Incident: {known.deployment}",
        incident=known,
        lines=lines(relevant(known.results)),
        report=deployment,
        evidence_limit=8000,
    )


def comparison(found: Comparison) -> str:
    """Two deployments side by side."""
    return _page("compare.html.j2", title=f"{found.a.deployment} and {found.b.deployment}", c=found)


def verdict(record: DeploymentRecord, results: Sequence[Result]) -> tuple[Readiness, str]:
    """Ready, needs fixes or blocked, and why in a few words."""
    found = grouped.outcome(results, signoffs_hold=record.signoffs_hold)
    if found.status is Readiness.BLOCKED:
        held = [each for each in closing(results) if record.signoffs_hold or each.status is not Status.PENDING]
        return found.status, _several(len(held), "critical item closes the gate", "critical items close the gate")
    if record.how != "succeeded":
        return Readiness.BLOCKED, f"the deployment is {'not finished' if record.how == 'open' else record.how}"
    if found.status is Readiness.NEEDS_FIXES:
        faults = [each for each in results if each.status in FAULTS and each.severity is Severity.WARNING]
        return found.status, _several(len(faults), "warning does not hold", "warnings do not hold")
    pending = sum(each.status is Status.PENDING for each in results)
    waits = _several(pending, "signature is missing", "signatures are missing")
    return found.status, f"all that counts holds; {waits}" if pending else "all that counts holds"


def _several(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def timeline(phases: Sequence[PhaseRecord], signoffs_hold: bool = True) -> list[dict[str, Any]]:
    """Each phase of the deployment itself with its bar: where it begins and how long it is, in percent of the whole."""
    timed = [phase for phase in phases if not phase.window]
    began = [phase.at for phase in timed if phase.at]
    start = min(began, default=None)
    ends = [phase.at + timedelta(seconds=phase.took) for phase in timed if phase.at]
    whole = (max(ends) - start).total_seconds() if start else sum(phase.took for phase in timed)
    rows, passed = [], 0.0
    for phase in timed:
        offset = (phase.at - start).total_seconds() if phase.at and start else passed
        passed += phase.took
        bar = {"left": _percent(offset, whole), "width": _percent(phase.took, whole)}
        rows.append({"phase": phase, "counts": counts(phase.results), "status": standing(phase, signoffs_hold), **bar})
    return rows


def standing(phase: PhaseRecord, signoffs_hold: bool = True) -> Status:
    """How a phase went: fail where its change broke off, else the worst of what closed its gate."""
    if phase.broke:
        return Status.FAIL
    held = {each.status for each in closing(phase.results)} - (set() if signoffs_hold else {Status.PENDING})
    return next((status for status in WORST if status in held), Status.PASS)


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}" if whole > 0 else "0"


def followed(record: DeploymentRecord) -> list[tuple[list[Number], str]]:
    """The numbers of each item with their chart: before, in the deployment, and in each window after it."""
    own: list[tuple[str, Sequence[Result]]] = [
        ("deployed", [each for phase in record.phases if not phase.window for each in phase.results]),
        *((f"+{phase.window}", phase.results) for phase in record.phases if phase.window),
    ]
    current = {(each.item, each.host) for _, results in own for each in results}
    earlier = [each for each in record.before if (each.item, each.host) in current]
    groups = numbers.grouped(numbers.numbers([("before", earlier), *own]))
    drawn = [group for group in groups if any(each.moves for each in group)]
    drawn.sort(key=lambda group: all(each.last.status is not Status.FAIL for each in group))
    return [(group, charts.against_limits(group)) for group in drawn[:MOST_CHARTS]]


def _page(template: str, **known: Any) -> str:
    environment = _environment()
    script = (TEMPLATES / "script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    return environment.get_template(template).render(script=script, digest=digest, style=style, **known)


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"cut": visible, "moment": moment, "short": short, "span": span, "word": word}
    environment.globals |= {"VERDICTS": VERDICTS, "durations": charts.durations}
    return environment


def _shown(value: Any) -> Any:
    """What a template prints: text is made visible, what is markup already stays."""
    return visible(str(value)) if isinstance(value, str) and not hasattr(value, "__html__") else value


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """Seconds for people: `0.4 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def word(status: Status) -> str:
    return WORDS.get(status, status.value)
