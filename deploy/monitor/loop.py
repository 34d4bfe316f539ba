"""One round after another: evaluate, note what changed, tell people. Each round is whole in itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from deploy import duration
from deploy.checklists.checklist import Checklist
from deploy.endpoints import Alerts
from deploy.errors import ConfigError
from deploy.monitor import messages
from deploy.monitor.changes import Patience, advance
from deploy.monitor.delivery import Post
from deploy.monitor.evaluate import PHASE
from deploy.monitor.messages import Place
from deploy.monitor.obligations import WINDOW
from deploy.monitor.routes import Route, Send, routes
from deploy.monitor.state import Keeper, State
from deploy.result import Result, Severity, Status

OWN = "monitor-state"  # the item that is the monitor itself


@dataclass(frozen=True)
class Round:
    """What one round came to: `told` are the ids of new events, `troubles` what a person must know at once."""

    told: tuple[str, ...]
    troubles: tuple[str, ...]
    unwritten: str = ""


@dataclass
class Monitor:
    """Tells people about the changes of one system in one environment.

    Where the state cannot be written, it is kept in memory, each round says so, and that is an alert of its own. A
    program that has just started and cannot write cannot know what it will be unable to remember: it waits for no
    second evaluation, and says the same again when it is started again.
    """

    place: Place
    alerts: Alerts
    checklist: Checklist
    keeper: Keeper
    send: Send
    rounds: int = field(default=0)

    def __post_init__(self) -> None:
        self.routes = require_routes(self.alerts, self.place)

    def round(self, results: Sequence[Result], now: datetime) -> Round:
        """Note one evaluation and deliver what is due. The caller holds `keeper.alone()`."""
        state = self.keeper.load()
        self.keeper.save(state)
        self.rounds += 1
        before = _told(state)
        advance(state, [*results, self._own()], now, self._patience)
        told = tuple(event for event in _told(state) if event not in before)
        messages.collect(state, self.routes, self.place, now)
        state.last_run, state.every, state.told = now, self.alerts.every, summary(results)
        self.keeper.save(state)
        troubles = Post(self.place, self.routes, self.send, self.keeper).deliver(state, now)
        unwritten = self.keeper.trouble
        lost = [f"The monitor's state cannot be written, it is only in memory: {unwritten}"] if unwritten else []
        return Round(told, (*lost, *troubles), unwritten)

    def _own(self) -> Result:
        """The monitor's own item: whether it can write down what it knows."""
        trouble = self.keeper.trouble
        return Result(
            OWN,
            "The monitor can note what it has told",
            PHASE,
            Severity.CRITICAL,
            Status.FAIL if trouble else Status.PASS,
            expected="a state file that can be written",
            found=trouble or "written",
            action="Free space on the disk, or correct the folder's owner; until then alerts may come more than once.",
        )

    def _patience(self, result: Result) -> Patience:
        item = self.checklist.by_id.get(result.item)
        missed = result.item.startswith(WINDOW) and result.status is Status.FAIL  # judged once: it will not be again
        at_once = result.item == OWN or missed or (self.keeper.trouble and self.rounds == 1)
        lasting = duration.parse(item.lasting) if item and item.lasting and not at_once else None
        return Patience(1 if at_once else self.alerts.after, self.alerts.again(result.severity), lasting)


def require_routes(alerts: Alerts, place: Place) -> list[Route]:
    """The routes of an environment; ConfigError where nobody would be told of what is critical."""
    if not alerts.urls(Severity.CRITICAL):
        raise ConfigError(
            f"nobody is told of the alerts of {place}",
            where=f"environments.{place.environment}.alerts.routes.critical",
            fix="Name at least one Apprise URL there, by a variable of .env (see ALERT_URLS in .env.example).",
        )
    return routes(alerts)


def summary(results: Sequence[Result]) -> str:
    """`7 pass, 1 fail`."""
    counts = Counter(result.status for result in results)
    return ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])


def _told(state: State) -> list[str]:
    return [event.id for events in state.waiting.values() for event in events]
