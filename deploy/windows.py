"""Judging a window: what is deployed, over exactly the time since its deployment, kept in its journal and report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy import baseline, duration, hours
from deploy.deployment import Deployment
from deploy.enough import rough
from deploy.errors import ConfigError, GateClosed
from deploy.gate import Gate
from deploy.journal import Journal
from deploy.operate import Options
from deploy.owed import DUE, FAILED, OVERDUE, PHASE, WAITING, Window, deployed_at, seconds, signatures
from deploy.owed import windows as all_windows
from deploy.record import write_record
from deploy.result import Result
from deploy.session import Session, outcome
from deploy.steps.release import current


@dataclass(frozen=True)
class Judged:
    """One window as it was judged: `since` when its data counts, `passed` how much of it has gone by; `took` seconds.

    `journal` is that of the deployment that owes it; None where no whole deployment does.
    """

    deployment: Deployment
    journal: Journal | None
    window: str
    since: datetime
    passed: timedelta
    results: Sequence[Result]
    gate: Gate
    took: float

    @property
    def is_open(self) -> bool:
        return not self.gate.closing(self.results)

    @property
    def told(self) -> str:
        """How much of the window has passed, for people, in the environment's own time."""
        share = min(1.0, self.passed / duration.parse(self.window))
        zone = self.deployment.environment.hours
        return (
            f"{self.window} after deployment {self.deployment.id}: {rough(self.passed)} have passed ({share:.0%}); "
            f"data since {hours.clock(zone, self.since)}"
        )

    def about(self) -> dict[str, str]:
        """The same for machines: times in UTC, `passed` in seconds."""
        return {
            "deployment": self.deployment.id,
            "window": self.window,
            "since": self.since.astimezone(UTC).isoformat(timespec="seconds"),
            "passed": str(seconds(self.passed)),
        }


def owing(session: Session) -> Journal | None:
    """The journal of the deployment that owes windows: the newest whole one of the release that is current."""
    release = current(session.before())
    journals = reversed(session.archive.journals())
    return next((each for each in journals if serves(each, release) and deployed_at(each)), None)


def remembered(session: Session) -> Mapping[str, Sequence[float]]:
    """What was measured before the deployment that owes windows, by item; empty where none does."""
    journal = owing(session)
    return baseline.kept(journal) if journal else {}


def serves(journal: Journal, release: str | None) -> bool:
    """Whether a deployment brought the release that is current."""
    return release is not None and journal.records[0].get("release") == release and outcome(journal) == "succeeded"


def owed(session: Session, now: datetime | None = None) -> list[Window]:
    """The windows that the current release owes, the soonest first, each with how it stands."""
    journal = owing(session)
    holds = session.environment.signoffs == "hold"
    return all_windows(journal, session.checklist, holds=holds, now=now) if journal else []


def due(session: Session, now: datetime | None = None) -> list[Window]:
    """The windows that are over and not judged yet, the soonest first; those that are overdue were missed."""
    return [each for each in owed(session, now) if each.state in (DUE, OVERDUE)]


def since_deployment(session: Session) -> timedelta | None:
    """How long ago the deployment that owes windows returned; None where there is none."""
    journal = owing(session)
    start = deployed_at(journal) if journal else None
    return max(timedelta(), datetime.now(UTC) - start) if start else None


def judge(session: Session, options: Options, window: str, since: datetime | None = None) -> Judged:
    """Ask the items of every window up to this one, of what is deployed, over the data since then.

    What has no full window behind it yet is unknown. Raises ConfigError when nothing is deployed.
    """
    duration.parse(window)
    now, journal = datetime.now(UTC), owing(session)
    deployment = session.of(journal) if journal else session.present()
    if since:
        deployment.data_since = since
    start = (deployed_at(journal) if journal else None) or deployment.started
    gate = session.gate(options.signoffs, options.prompt)
    gate.passed = max(timedelta(), now - max(start, since or start))
    if journal:
        gate.baseline, gate.signoffs = baseline.kept(journal), [*signatures(journal), *gate.signoffs]
    began = time.monotonic()
    results = gate.judge(PHASE, session.site, deployment.scope(), window)
    took = round(time.monotonic() - began, 3)
    from_then = deployment.data_since or deployment.started
    return Judged(deployment, journal, window, from_then, gate.passed, results, gate, took)


def keep(session: Session, judged: Judged) -> list[Path]:
    """Append what was found to the deployment's journal and write its report anew; the paths of the report.

    Raises LockHeld, naming who holds it, while somebody deploys; nothing is kept then.
    """
    if judged.journal is None:
        return []
    with session.holding(session.lock(judged.journal.id)):
        journal = session.archive.open(judged.journal)
        rows = [asdict(result) for result in judged.results]
        about = {**judged.about(), "passed": seconds(judged.passed), "took": judged.took}
        journal.append("checked", phase=PHASE, results=rows, **about)
        return write_record(session, session.of(journal), journal, judged.gate)


def require_kept_up(session: Session, before: Sequence[Window], after: Sequence[Window]) -> None:
    """GateClosed when a window does not hold, or was missed: judged now, but not when it was over."""
    failed = [each for each in after if each.state == FAILED]
    missed = [each for each in before if each.state == OVERDUE]
    told = [f"The window {each.window} does not hold: {', '.join(each.open)}." for each in failed]
    told += [f"The window {each.window} was missed: over at {clock(session, each.due)}, judged now." for each in missed]
    if told:
        raise GateClosed("\n".join(told))


def next_due(session: Session) -> str:
    """When the next window is over, for people."""
    found = owed(session)
    waiting = next((each for each in found if each.state == WAITING), None)
    if waiting:
        return f"Nothing is due; the window {waiting.window} is over at {clock(session, waiting.due)}."
    return "Nothing is due; every window was judged." if found else "Nothing is owed."


def clock(session: Session, at: datetime) -> str:
    return hours.clock(session.environment.hours, at)


def since_of(text: str | None, now: datetime) -> datetime | None:
    """What `--since` means: a moment (ISO, UTC where it names no zone), or a span before now (`6h`)."""
    if text is None:
        return None
    try:
        return now - duration.parse(text)
    except ConfigError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fix = "E.g. 2026-01-31T09:00, or 6h for the last six hours."
        raise ConfigError(f"{text!r} is no time", where="--since", fix=fix) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
