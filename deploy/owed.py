"""What a deployment owes after it returned: its windows, and how each of them stands, as its journal tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy import duration
from deploy.checklists.checklist import Checklist
from deploy.checklists.item import Item
from deploy.checklists.signoff import SignOff, apply
from deploy.enough import needed
from deploy.journal import Journal, Record
from deploy.passage import result_of
from deploy.result import Result, Status, closing

PHASE = "validate.post"
GRACE = timedelta(days=1)  # a window is overdue when its own length, a day at most, went by after its end
BACKDATED = "backdated"  # the record of a practice system whose past is made up
WAITING, DUE, OVERDUE, FAILED, DONE = "waiting", "due", "overdue", "failed", "done"


@dataclass(frozen=True)
class Window:
    """One span after a deployment (`24h`): how many items it has, when it is over, and how it stands.

    It is done when it was judged after enough of it had passed and nothing in it closes the gate; failed when
    something does (`open` names the items), until it is judged again. `judged` is when that was.
    """

    window: str
    items: int
    due: datetime
    state: str
    open: tuple[str, ...] = ()
    judged: datetime | None = None

    @property
    def missed_at(self) -> datetime:
        """From then on it is overdue."""
        return self.due + min(duration.parse(self.window), GRACE)

    def row(self) -> dict[str, Any]:
        """As data; `over` tells whether it may be judged in full."""
        times = {"due": self.due.isoformat(timespec="minutes")}
        judged = {"judged": self.judged.isoformat(timespec="seconds") if self.judged else None}
        return {**asdict(self), **times, **judged, "open": list(self.open), "over": self.state != WAITING}


def deployed_at(journal: Journal) -> datetime | None:
    """When a deployment returned; None for one that has not, or that owes no windows."""
    closed = journal.last("closed", outcome="succeeded")
    owes = PHASE in journal.records[0].get("phases", ())
    if not closed or not owes or journal.last("rollback.started"):
        return None
    return datetime.fromisoformat(closed["at"]) - backdated(journal)


def started_at(journal: Journal) -> datetime:
    """When a deployment began: its data counts from then on."""
    return datetime.fromisoformat(journal.records[0]["at"]) - backdated(journal)


def backdated(journal: Journal) -> timedelta:
    """By how much a sandbox pretends that a deployment was earlier; nothing anywhere else."""
    record = journal.last(BACKDATED)
    return timedelta(seconds=record["seconds"]) if record else timedelta()


def windows(journal: Journal, checklist: Checklist, *, holds: bool, now: datetime | None = None) -> list[Window]:
    """The windows that a deployment owes, the soonest first; `holds` tells whether pending sign-offs count."""
    start = deployed_at(journal)
    if start is None:
        return []
    items = [item for item in checklist.owed() if item.phase == PHASE]
    spans = {duration.parse(item.due): item.due for item in items}
    return [
        _window(journal, name, [item for item in items if duration.parse(item.due) <= span], start, (holds, now))
        for span, name in sorted(spans.items())
    ]


def _window(
    journal: Journal, name: str, items: Sequence[Item], start: datetime, seen: tuple[bool, datetime | None]
) -> Window:
    """One window; `items` are those of the shorter ones, too, for they are judged again with it."""
    span, own = duration.parse(name), [item for item in items if item.due == name]
    (holds, now), due = seen, start + span
    record = _judged_in_full(journal, span, _wanted(span, own))
    if record:
        still = _closing(journal, record, {item.id for item in items}, holds)
        at = datetime.fromisoformat(record["at"])
        return Window(name, len(own), due, FAILED if still else DONE, still, at)
    window = Window(name, len(own), due, WAITING)
    now = now or datetime.now(UTC)
    return replace(window, state=WAITING if now < due else DUE if now < window.missed_at else OVERDUE)


def _wanted(span: timedelta, items: Iterable[Item]) -> timedelta:
    """How much of a window must have passed to judge it: all of it, unless each item is content with less."""
    asked = [item for item in items if item.probe]
    return max((needed(item) for item in asked), default=span) if all(item.enough for item in asked) else span


def _judged_in_full(journal: Journal, span: timedelta, wanted: timedelta) -> Record | None:
    """The newest time that a window, or a longer one, was judged after enough of it had passed."""
    pretended = journal.last(BACKDATED)
    for record in reversed(list(journal.all("checked", phase=PHASE))):
        if pretended and record["seq"] < pretended["seq"]:
            break  # it was judged in another past
        if record.get("window") and duration.parse(record["window"]) >= span and record["passed"] >= seconds(wanted):
            return record
    return None


def seconds(span: timedelta) -> int:
    """Whole seconds, as records count what has passed."""
    return int(span.total_seconds())


def _closing(journal: Journal, record: Record, items: set[str], holds: bool) -> tuple[str, ...]:
    """The items of a window that close the gate in what was found then; signatures given since count."""
    found = [result_of(row) for row in record["results"] if row["item"] in items]
    still = closing(apply(found, signatures(journal)))
    return tuple(dict.fromkeys(each.item for each in still if holds or each.status is not Status.PENDING))


def signatures(journal: Journal) -> Iterator[SignOff]:
    """The sign-offs that a journal keeps."""
    for record in journal.all("signed"):
        yield SignOff(record["item"], record["by"], datetime.fromisoformat(record["at"]), record["note"])


def results(journal: Journal) -> list[Result]:
    """The newest results of every item, with the signatures given since; a window may be judged again and again."""
    newest: dict[str, list[Result]] = {}
    for record in journal.all("checked"):
        found = [result_of(row) for row in record["results"]]
        for item in dict.fromkeys(each.item for each in found):
            newest[item] = [each for each in found if each.item == item]
    return apply([each for found in newest.values() for each in found], signatures(journal))


def signed_off(owed: Iterable[Window]) -> datetime | None:
    """When the last window held; None while one is owed, or when none ever was."""
    found = list(owed)
    if not found or any(each.state != DONE for each in found):
        return None
    return max(each.judged for each in found if each.judged)


def told(row: Mapping[str, Any], clock: Callable[[datetime], str]) -> str:
    """How a window (as `row` gives it) stands, for people; `clock` writes a moment as they read it."""
    over = clock(datetime.fromisoformat(row["due"]))
    judged = clock(datetime.fromisoformat(row["judged"])) if row["judged"] else ""
    return {
        WAITING: f"over at {over}",
        DUE: f"due since {over}",
        OVERDUE: f"OVERDUE, it was over at {over}",
        FAILED: f"FAILED at {judged}: {', '.join(row['open'])}",
        DONE: f"done at {judged}",
    }[row["state"]]
