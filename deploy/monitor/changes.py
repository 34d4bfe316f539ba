"""When an item has changed: not at the first odd answer, and not again and again while it flaps. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy.monitor.state import Event, Kind, Standing, State, Watched
from deploy.result import Result, Status

LATELY = timedelta(hours=1)
MOST = 4  # changes of an item lately that are told; with one more it is flapping, until it is calm for that long
STANDINGS: dict[Status, Standing] = {Status.FAIL: "fail", Status.UNKNOWN: "unknown"}


@dataclass(frozen=True)
class Patience:
    """How long something must last: `after` evaluations in a row, or `lasting`; and when it is told again."""

    after: int
    remind: timedelta
    lasting: timedelta | None = None


def key_of(result: Result) -> str:
    return f"{result.item}@{result.host}"


def advance(state: State, results: Sequence[Result], now: datetime, patience: Callable[[Result], Patience]) -> None:
    """Note one evaluation in the state: how each item stands now, and what is to be told, by severity.

    What is waived, skipped or awaits a signature is no alert. An item that is asked no more is forgotten; if it did not
    hold, that is told.
    """
    watched: dict[str, Watched] = {}
    for result in results:
        key = key_of(result)
        fresh = Watched(since=now, seems_since=now, severity=result.severity)
        known = state.watched.get(key) or state.watched.get(f"{result.item}@") or fresh
        follows, kind = follow(known, standing(result), now, patience(result))
        if kind:
            follows = follows.model_copy(update={"number": follows.number + 1})
            state.waiting.setdefault(result.severity, []).append(_event(kind, result, follows, now))
        watched[key] = follows
    _tell_gone(state, watched, now)
    state.watched = watched


def standing(result: Result) -> Standing:
    return STANDINGS.get(result.status, "ok")


def follow(known: Watched, seems: Standing, now: datetime, patience: Patience) -> tuple[Watched, Kind | None]:
    """One item after one more evaluation, and what is to be told of it, if anything."""
    seen = _seen(known, seems, now)
    if seems == seen.stands:
        return _steady(seen, now, patience)
    return _changed(seen, now) if _lasted(seen, now, patience) else (seen, None)


def _seen(known: Watched, seems: Standing, now: datetime) -> Watched:
    alike, across = seems == known.seems, (seems == "ok") != (known.stands == "ok")
    return known.model_copy(
        update={
            "seems": seems,
            "seems_since": known.seems_since if alike else now,
            "seen": known.seen + 1 if alike else 1,
            "across": known.across + 1 if across else 0,
            "across_since": (known.across_since or now) if across else None,
        }
    )


def _lasted(seen: Watched, now: datetime, patience: Patience) -> bool:
    """Whether a change counts. Answers that are bad in turn in different ways are bad all the while."""
    if seen.across_since is None:
        return seen.seen >= patience.after
    if patience.lasting and seen.seems != "ok":
        return now - seen.across_since >= patience.lasting
    return seen.across >= patience.after


def _changed(seen: Watched, now: datetime) -> tuple[Watched, Kind | None]:
    changes = (*(at for at in seen.changes if now - at < LATELY), now)
    flaps = len(changes) > MOST
    since = seen.across_since or seen.seems_since
    update = {"stands": seen.seems, "since": since, "across": 0, "across_since": None, "changes": changes}
    changed = seen.model_copy(update={**update, "quiet": seen.quiet or flaps, "told_at": now})
    if seen.quiet:
        return changed, None
    return changed, "flapping" if flaps else _kind(changed)


def _steady(seen: Watched, now: datetime, patience: Patience) -> tuple[Watched, Kind | None]:
    if seen.quiet:
        if now - seen.changes[-1] < LATELY:
            return seen, None
        calm = seen.model_copy(update={"quiet": False, "changes": (), "told_at": now})
        return calm, _kind(calm)
    if seen.stands != "ok" and seen.told_at and now - seen.told_at >= patience.remind:
        return seen.model_copy(update={"told_at": now}), "reminder"
    return seen, None


def _kind(watched: Watched) -> Kind:
    return "recovered" if watched.stands == "ok" else "alert"


def _event(kind: Kind, result: Result, watched: Watched, now: datetime) -> Event:
    return Event(
        id=f"{key_of(result)}#{watched.number}",
        kind=kind,
        item=result.item,
        title=result.title,
        severity=result.severity,
        host=result.host,
        status=watched.stands,
        expected=result.expected,
        found=result.found,
        action=result.action,
        since=watched.since,
        at=now,
    )


def _tell_gone(state: State, watched: dict[str, Watched], now: datetime) -> None:
    """An alert that is open must not go silent because nobody asks any more.

    What could not be asked anywhere has no host; it goes on under the host where it is asked again.
    """
    asked = {key.partition("@")[0] for key in watched}
    for key, known in state.watched.items():
        item, _, host = key.partition("@")
        if key in watched or known.stands == "ok" or (not host and item in asked):
            continue
        gone = Result(item, f"{item} is not asked any more", "", known.severity, Status.SKIPPED, host=host)
        told = known.model_copy(update={"number": known.number + 1})
        state.waiting.setdefault(gone.severity, []).append(_event("gone", gone, told, now))
