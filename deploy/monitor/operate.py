"""What an operator does with the monitor: a round, watching, a test of the routes, how it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy import duration, plain
from deploy.endpoints import Alerts
from deploy.errors import ConfigError, GateClosed, LockHeld, PersonNeeded
from deploy.gate import Gate
from deploy.monitor.evaluate import evaluate, fresh
from deploy.monitor.loop import Monitor, Round, require_routes
from deploy.monitor.messages import Place
from deploy.monitor.obligations import obligations
from deploy.monitor.routes import Send
from deploy.monitor.state import Keeper, State
from deploy.result import Result
from deploy.session import Session

FOLDER = "monitor"  # in the control folder, or in its mirror on this machine
AGAIN = 1.0  # seconds until a lock that is held is tried again
MISSED = 3  # intervals without a run are late
TEST = "This is a test. Whoever reads it would have been alerted."


def place_of(session: Session) -> Place:
    return Place(session.system.name, session.environment.name)


def keeper_of(session: Session) -> Keeper:
    """What the monitor remembers of this environment; on this machine, whatever host is lost."""
    return Keeper(session.control.folder / FOLDER)


def alerts_of(session: Session, every: str | None = None) -> Alerts:
    """The environment's settings, with another interval where one is given. Raises ConfigError for no span."""
    known = session.environment.alerts
    return known.model_copy(update={"every": duration.parse(every)}) if every else known


@dataclass
class Watch:
    """Rounds of one environment: each evaluates anew; with a monitor, people are told of what changed.

    With a monitor, the windows that the deployment owes are judged as well, each when it is over.
    """

    session: Session
    keeper: Keeper
    monitor: Monitor | None = None

    def round(self, now: datetime) -> tuple[list[Result], Gate, Round | None]:
        """One evaluation. Raises LockHeld while another monitor is at it, ConfigError for a bad checklist."""
        session = fresh(self.session)
        gate = session.gate()
        if self.monitor is None:
            return evaluate(session, gate), gate, None
        self.monitor.checklist = session.checklist
        with self.keeper.alone():
            known = self.keeper.load().watched
            results = [*evaluate(session, gate, known), *obligations(session, now, known)]
            return results, gate, self.monitor.round(results, now)


def watch_of(session: Session, *, alert: bool, every: str | None = None, send: Send | None = None) -> Watch:
    """With `alert`, ConfigError where nobody would be told."""
    keeper = keeper_of(session)
    if not alert:
        return Watch(session, keeper)
    from deploy.monitor import routes

    found = Monitor(place_of(session), alerts_of(session, every), session.checklist, keeper, send or routes.send)
    return Watch(session, keeper, found)


def require_told(told: Round, session: Session) -> None:
    """PersonNeeded when the state could not be written, or an alert is not delivered yet: nobody may know of it."""
    if told.unwritten:
        raise PersonNeeded("\n".join(told.troubles), [f"df -h {session.control.folder}"])
    if told.troubles:
        lines = ["Alerts are not delivered yet; they are kept, and tried again:", *told.troubles]
        raise PersonNeeded("\n  ".join(lines) + "\nIf it lasts:", [place_of(session).invoke("monitor.test-alert")])


def try_routes(session: Session, send: Send) -> tuple[list[str], bool]:
    """Send a test through each route: a line for each, and whether all took it. ConfigError for no routes."""
    place = place_of(session)
    title, body = f"[test] {place}: a test alert", f"{TEST}\nlook      {place.command}"
    lines = []
    for route in require_routes(session.environment.alerts, place):
        why = send(route, title, body, "info")
        lines.append((f"failed  {route.shown}: {why}" if why else f"ok      {route.shown}", not why))
    return [line for line, _ in lines], all(fine for _, fine in lines)


def standing(session: Session, now: datetime) -> dict[str, Any]:
    """When the monitor last ran, what it said, and whether it is late, as data."""
    state = keeper_of(session).load()
    every = state.every or session.environment.alerts.every
    return {
        "system": session.system.name,
        "environment": session.environment.name,
        "last_run": state.last_run.isoformat(timespec="seconds") if state.last_run else None,
        "every": duration.text(every),
        "late": late(state, every, now),
        "said": state.told,
        "open": open_alerts(state),
        "undelivered": sum(len(message.events) for message in state.spool),
        "waiting": {str(severity): len(events) for severity, events in state.waiting.items() if events},
    }


def late(state: State, every: timedelta, now: datetime) -> bool:
    return state.last_run is None or now - state.last_run > MISSED * every


def open_alerts(state: State) -> list[dict[str, str]]:
    return [
        {"item": key, "status": watched.stands, "since": watched.since.isoformat(timespec="seconds")}
        for key, watched in state.watched.items()
        if watched.stands != "ok"
    ]


def show_standing(found: dict[str, Any], format: str) -> str:
    """`monitor.status` as text or JSON."""
    if format == "json":
        return json.dumps(found, indent=2)
    if format != "text":
        raise ConfigError(f"no format {format!r} here", where="--format", fix="text or json")
    note = "  LATE" if found["late"] else ""
    rows = [("last run", f"{found['last_run'] or 'never'}, every {found['every']}{note}")]
    rows += [("said", found["said"])] if found["said"] else []
    rows += [("open", f"{each['item']}: {each['status']} since {each['since']}") for each in found["open"]]
    rows += [("to send", f"{found['undelivered']} changes, not delivered yet")] if found["undelivered"] else []
    rows += [("digest", f"{count} of severity {name} wait") for name, count in found["waiting"].items()]
    lines = [f"  {label:<11} {plain.line(text)}" for label, text in rows]
    return "\n".join([f"{found['system']} in {found['environment']}", *lines])


def require_in_time(found: dict[str, Any]) -> None:
    if found["late"]:
        raise GateClosed(f"The monitor of {found['environment']} is late: it last ran {found['last_run'] or 'never'}.")


def now_utc() -> datetime:
    return datetime.now(UTC)


Shown = Callable[[datetime, Sequence[Result], Round | None], None]


def keep_watching(
    watch: Watch, span: timedelta, rounds: int, show: Shown, wait: Callable[[float], None]
) -> tuple[Gate, list[Result]]:
    """Round after round (`rounds` of them; 0: until interrupted), each shown; the last one's gate and results.

    While another monitor evaluates, such as the timer's, this one waits for it.
    """
    done = 0
    while True:
        now = now_utc()
        try:
            results, gate, told = watch.round(now)
        except LockHeld:
            wait(AGAIN)
            continue
        show(now, results, told)
        done += 1
        if done == rounds:
            return gate, results
        wait(max(0.0, (now + span - now_utc()).total_seconds()))
