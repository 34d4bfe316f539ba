"""The spool: every message reaches every one of its routes, in order, sooner or later.

A message is noted as sent right after a route took it. A program that is killed between the two sends it once more
(its ids tell that it is the same); in no other case is one sent twice, and in none is one lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from deploy.monitor import messages
from deploy.monitor.messages import Place
from deploy.monitor.routes import Route, Send
from deploy.monitor.state import Backoff, Keeper, Message, State

FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Post:
    """Who delivers, for whom, and where it is noted."""

    place: Place
    routes: Sequence[Route]
    send: Send
    keeper: Keeper

    def deliver(self, state: State, now: datetime) -> list[str]:
        """Send what can be sent now; a line for each route that failed, or still waits for its next try."""
        _forget(state, {route.key for route in self.routes})
        troubles = [trouble for route in self.routes if (trouble := self._serve(route, state, now))]
        self.keeper.save(state)
        return troubles

    def _serve(self, route: Route, state: State, now: datetime) -> str:
        waiting = [message for message in state.spool if route.key in message.todo]
        known = state.backoff.get(route.key)
        if not waiting:
            return ""
        if known and now < known.again_at:
            return f"{route.shown}: {len(waiting)} waiting, tried again at {known.again_at:%H:%M:%S} UTC"
        for message in waiting:
            why = self._sent(route, message)
            if why:
                state.backoff[route.key] = _later(known, now)
                return f"{route.shown}: {why}"
            _tick(state, message.id, route.key)
            self.keeper.save(state)
        state.backoff.pop(route.key, None)
        return ""

    def _sent(self, route: Route, message: Message) -> str:
        place = self.place
        return self.send(route, messages.title(message, place), messages.body(message, place), messages.tone(message))


def _later(known: Backoff | None, now: datetime) -> Backoff:
    tries = known.tries + 1 if known else 1
    return Backoff(tries=tries, again_at=now + min(FIRST * 2 ** min(tries - 1, 10), LONGEST))


def _tick(state: State, identity: str, key: str) -> None:
    """Note that a route took a message; what all have taken leaves the spool."""
    ticked = [
        message.model_copy(update={"todo": tuple(k for k in message.todo if k != key)})
        if message.id == identity
        else message
        for message in state.spool
    ]
    state.spool = [message for message in ticked if message.todo]


def _forget(state: State, known: set[str]) -> None:
    """Routes that are not configured any more are owed nothing."""
    kept = [m.model_copy(update={"todo": tuple(key for key in m.todo if key in known)}) for m in state.spool]
    state.spool = [message for message in kept if message.todo]
    state.backoff = {key: value for key, value in state.backoff.items() if key in known}
