"""What the monitor remembers from one evaluation to the next: how items stand, and messages not delivered yet.

All of it is one file, replaced whole: an item's change and the message about it are noted in the same instant, so
neither is there without the other, whenever the program ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy import durable
from deploy.errors import LockHeld
from deploy.result import Severity

Standing = Literal["ok", "fail", "unknown"]
Kind = Literal["alert", "reminder", "recovered", "flapping", "gone"]
FILE = "state.json"


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Watched(Frozen):
    """One item at one host: how it stands, since when, and how it has seemed since.

    It stands as it seemed for long enough. `seen` counts the newest evaluations that were alike, `across` those in a
    row on the other side of ok from where it stands; `changes` are its changes of late; while `quiet` it is flapping.
    """

    stands: Standing = "ok"
    since: datetime
    seems: Standing = "ok"
    seems_since: datetime
    seen: int = 0
    across: int = 0
    across_since: datetime | None = None
    told_at: datetime | None = None
    changes: tuple[datetime, ...] = ()
    quiet: bool = False
    number: int = 0  # of what was told about it; makes ids
    severity: Severity = Severity.CRITICAL


class Event(Frozen):
    """One thing to tell: an item changed, or still does not hold. Its `id` is the same however often it is sent."""

    id: str
    kind: Kind
    item: str
    title: str
    severity: Severity
    host: str
    status: Standing
    expected: str
    found: str
    action: str
    since: datetime
    at: datetime


class Message(Frozen):
    """Events that travel together; `todo` are the keys of the routes that have not taken it yet."""

    id: str
    severity: Severity
    events: tuple[Event, ...]
    todo: tuple[str, ...]


class Backoff(Frozen):
    """A route that failed: how often in a row, and when it is tried again."""

    tries: int
    again_at: datetime


class State(BaseModel):
    """Everything that outlives one evaluation. Times are UTC."""

    last_run: datetime | None = None
    every: timedelta | None = None  # as the last run knew it
    told: str = ""  # what the last run said, in one line
    watched: dict[str, Watched] = Field(default_factory=dict)
    waiting: dict[Severity, list[Event]] = Field(default_factory=dict)
    digested: dict[Severity, datetime] = Field(default_factory=dict)
    spool: list[Message] = Field(default_factory=list)
    backoff: dict[str, Backoff] = Field(default_factory=dict)
    messages: int = 0


class Keeper:
    """Reads and writes the state of one environment. What cannot be written is kept in memory, and said.

    `trouble` tells why the last writing failed; None when all is on the disk.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.trouble = folder, ""
        self._memory: State | None = None

    def load(self) -> State:
        """The state as it is now; a file that cannot be understood is put aside, and everything begins anew."""
        if self.trouble and self._memory:
            return self._memory
        try:
            return self._read()
        except FileNotFoundError:
            return State()
        except OSError as error:
            self.trouble = f"{error.strerror}: {self.folder / FILE}"
            return self._memory or State()

    def _read(self) -> State:
        path = self.folder / FILE
        try:
            return State.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError):
            path.replace(path.with_suffix(".broken"))
            return State()

    def save(self, state: State) -> None:
        """Write it all, or keep it in memory and note the trouble."""
        self._memory = state
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            durable.replace(self.folder / FILE, state.model_dump_json(indent=1))
            self.trouble = ""
        except OSError as error:
            self.trouble = f"{error.strerror or error}: {self.folder / FILE}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While it lasts, no other monitor of this environment evaluates; LockHeld when one does."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            self.trouble = f"{error.strerror}: {self.folder}"
            yield
            return
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockHeld("Another monitor of this environment is evaluating right now.") from None
