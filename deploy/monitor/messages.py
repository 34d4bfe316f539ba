"""What people get to read: the events of one severity that wait, as one message with all that is needed to act."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy import plain
from deploy.monitor.routes import Route
from deploy.monitor.state import Event, Message, State
from deploy.result import Severity

WITHIN = {Severity.CRITICAL: timedelta(0), Severity.WARNING: timedelta(days=1), Severity.INFO: timedelta(weeks=1)}
TONES = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}
LONGEST = 500


@dataclass(frozen=True)
class Place:
    """What is monitored: a system in an environment."""

    system: str
    environment: str

    def __str__(self) -> str:
        return f"{self.system} in {self.environment}"

    @property
    def command(self) -> str:
        """What to run to look."""
        return self.invoke("monitor")

    def invoke(self, task: str) -> str:
        return shlex.join(["invoke", task, f"--system={self.system}", f"--env={self.environment}"])


def collect(state: State, routes: Sequence[Route], place: Place, now: datetime) -> None:
    """Make a message of what waits, for each severity whose time has come.

    Critical at once. A warning goes at once when there was none within 24 hours, else with all others of that day; the
    same for information, by weeks. So nobody waits longer than that, and nobody gets more than one such message in it.
    """
    for severity, events in list(state.waiting.items()):
        last = state.digested.get(severity)
        if not events or (last and now - last < WITHIN[severity]):
            continue
        state.messages += 1
        identity = f"{place.system}-{place.environment}-{state.messages}"
        todo = tuple(route.key for route in routes if severity in route.severities)
        state.spool.append(Message(id=identity, severity=severity, events=tuple(events), todo=todo))
        state.digested[severity] = now
        state.waiting[severity] = []


def title(message: Message, place: Place) -> str:
    first = message.events[0]
    if len(message.events) > 1:
        told = f"{len(message.events)} changes"
    else:
        told = plain.line(f"{first.title}{_at(first)}: {_word(first)}", 120)
    return f"[{message.severity}] {place}: {told}"


def body(message: Message, place: Place) -> str:
    blocks = ["\n".join(_lines(event)) for event in message.events]
    return "\n\n".join([*blocks, f"look      {place.command}\nmessage   {message.id}"])


def tone(message: Message) -> str:
    """Apprise's word for how grave it is: good news only where all of it is."""
    good = all(event.kind == "recovered" for event in message.events)
    return "success" if good else TONES[message.severity]


def _lines(event: Event) -> list[str]:
    rows = [
        ("expected", event.expected),
        ("found", event.found),
        ("do", event.action if event.kind != "recovered" else ""),
        ("since", f"{event.since:%Y-%m-%d %H:%M:%S} UTC"),
        ("id", event.id),
    ]
    head = f"{_word(event).upper()}  {plain.line(event.title)}{_at(event)}"
    return [head, *(f"{label:<9} {plain.line(text, LONGEST)}" for label, text in rows if text)]


def _word(event: Event) -> str:
    words = {
        "alert": event.status,
        "reminder": f"still {event.status}",
        "recovered": "recovered",
        "flapping": f"flapping, now {event.status}; silent until it has been calm for an hour",
        "gone": "not asked any more, and was open",
    }
    return words[event.kind]


def _at(event: Event) -> str:
    return f" @{plain.line(event.host, 80)}" if event.host not in ("", "localhost") else ""
