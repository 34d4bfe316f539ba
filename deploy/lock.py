"""One deployment at a time: a lock file on the target, with its owner, a heartbeat and a fencing token.

Taken by `link(2)`, which is atomic and never leaves a lock without an owner in it. A holder is alive while its process
is (same machine) or while its heartbeat is fresh (another one). Nobody takes a lock from a living holder.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from types import TracebackType

from deploy import durable
from deploy.control import ControlFolder, Here
from deploy.errors import LockHeld

BEAT = 5.0  # seconds between heartbeats
DRAWS = 5  # tries at a token that nobody else draws at the same time
LAST = 5.0  # seconds that a heartbeat which is under way may take after the lock was given back
NAME, FENCE = "lock", "fence"
STALE = 60.0  # seconds without one after which a holder on another host counts as dead


@dataclass(frozen=True)
class Holder:
    """Who holds the lock: person, host, process (with its start, against reused pids), deployment, token."""

    owner: str
    host: str
    pid: int
    born: str
    deployment: str
    token: int
    since: str
    machine: str = ""  # tells machines of one name apart

    def __str__(self) -> str:
        return f"{self.owner} on {self.host} (pid {self.pid}), deploying {self.deployment} since {self.since}"


UNKNOWN = Holder("somebody unknown", "an unknown host", 0, "", "something", 0, "an unknown time")


def process_start(pid: int) -> str:
    """When a process of this machine started, in its kernel's or ps's own words; empty when there is none."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _alive_by_signal(pid)
    return "" if fields[0] == "Z" else fields[19]


def _alive_by_signal(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "unknown"
    return "unknown"


def machine() -> str:
    """What no other running machine has in common with this one: the id of its boot, else its network card's."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{uuid.getnode():x}"


class Lock:
    """The lock of one environment; a context manager that holds it and keeps its heart beating."""

    def __init__(self, folder: Path | ControlFolder, deployment: str) -> None:
        self.control: ControlFolder = Here(folder) if isinstance(folder, Path) else folder
        self.deployment = deployment
        self.mine: Holder | None = None
        self._stop = threading.Event()
        self._heart: threading.Thread | None = None

    @property
    def path(self) -> Path:
        return self.control.folder / NAME

    @property
    def token(self) -> int:
        """The fencing token: larger than that of every holder before.

        It is the time in seconds where that is larger, so that a control host which was set up anew, and knows of no
        token, is not refused by hosts that remember one.
        """
        assert self.mine, "the lock is not held"
        return self.mine.token

    def holder(self) -> Holder | None:
        """Who has the lock; UNKNOWN, who lives by the file's age, when it does not say so."""
        text = self.control.text(NAME)
        return None if text is None else _holder(text)

    def alive(self, holder: Holder) -> bool:
        """Whether the holder still works: asked of its process here, of its heartbeat when it is elsewhere."""
        if holder.host == socket.gethostname() and holder.machine in ("", machine()):
            return bool(holder.born) and process_start(holder.pid) == holder.born
        age = self.control.age(NAME)
        return age is not None and age < STALE

    def take(self) -> None:
        """Take the lock, or raise LockHeld naming the holder and what to do."""
        for _ in range(DRAWS):
            fence = (self.control.text(FENCE) or "").strip()
            mine = self._me(max(int(fence or 0) + 1, int(time.time())))
            if self._claimed(mine, fence):
                self.mine = mine
                return
        raise LockHeld("The lock changes hands all the time; try again.")

    def _me(self, token: int) -> Holder:
        pid, since = os.getpid(), datetime.now(UTC).isoformat(timespec="seconds")
        born = process_start(pid)
        return Holder(getuser(), socket.gethostname(), pid, born, self.deployment, token, since, machine())

    def _claimed(self, mine: Holder, fence: str) -> bool:
        """Whether the lock is ours with its token; it is given back when somebody else has drawn that one.

        Who is held up in between may be taken for dead, and find that another one has drawn in his place.
        """
        try:
            if not self.control.claim(NAME, _text(mine)):
                raise LockHeld(self._refusal())
            if self.control.swap(FENCE, fence, str(mine.token)):
                return True
        except LockHeld:
            raise
        except BaseException:
            self._let_go(mine)
            raise
        self._let_go(mine)
        return False

    def _let_go(self, mine: Holder) -> None:
        with suppress(OSError):  # where the control host is lost, the lock grows old there
            self.control.remove(NAME, _text(mine))

    def _refusal(self) -> str:
        holder = self.holder()
        if holder is None:
            return "The lock was held a moment ago; try again."
        if self.alive(holder):
            return f"Held by {holder}. Wait for it to end."
        return f"Left by {holder}, which no longer runs. See `invoke deploy.status`, then `invoke deploy.unlock`."

    def renew(self) -> None:
        """One heartbeat; raises LockHeld when the lock is no longer ours."""
        mine = self.mine  # it may be given back meanwhile
        if not (mine and self.control.touch(NAME, _text(mine))):
            raise LockHeld(f"The lock of {self.deployment} was taken away: {self.holder() or 'it is gone'}.")

    def release(self) -> None:
        """Give the lock back; only its holder does."""
        mine, self.mine = self.mine, None
        if mine:
            self.control.remove(NAME, _text(mine))

    def break_dead(self) -> Holder | None:
        """Remove a dead holder's lock (kept beside as `lock.broken`) and return who it was; refuse while it lives."""
        text = self.control.text(NAME)
        if text is None:
            return None
        holder = _holder(text)
        if self.alive(holder):
            raise LockHeld(f"Held by {holder}, which is alive. Nothing was unlocked.")
        if not self.control.rename(NAME, "lock.broken", text):
            raise LockHeld(f"The lock of {holder} has changed hands just now. Nothing was unlocked.")
        return holder

    def __enter__(self) -> Lock:
        try:
            with durable.uninterrupted():
                self.take()
                self._heart = threading.Thread(target=self._beat, daemon=True, name="lock heartbeat")
                self._heart.start()
        except BaseException:
            self._stop.set()
            mine, self.mine = self.mine, None
            if mine:
                self._let_go(mine)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        try:
            with durable.uninterrupted():
                self.release()
        except OSError:
            if error is None:
                raise
            # the control host is lost, which the error that comes up tells; the lock grows old there
        finally:
            if self._heart:
                self._heart.join(LAST)  # a beat that is under way uses the connection, which may be closed next

    def _beat(self) -> None:
        while not self._stop.wait(BEAT):
            try:
                self.renew()
            except LockHeld:
                return  # the flow renews before each step and meets the error there
            except OSError:
                continue  # a connection that was lost comes back, or the flow meets the error, too


def _holder(text: str) -> Holder:
    try:
        return Holder(**json.loads(text))
    except (ValueError, TypeError):
        return UNKNOWN


def _text(holder: Holder) -> str:
    return json.dumps(asdict(holder))
