"""One deployment at a time: a lock file on the target, with its owner, a heartbeat and a fencing token.

Taken by `link(2)`, which is atomic and never leaves a lock without an owner in it. A holder is alive while its process
is (same machine) or while its heartbeat is fresh (another one). Nobody takes a lock from a living holder.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from types import TracebackType

from deploy.control import ControlFolder, Here
from deploy.errors import LockHeld

BEAT = 5.0  # seconds between heartbeats
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

    @property
    def path(self) -> Path:
        return self.control.folder / NAME

    @property
    def token(self) -> int:
        """The fencing token: larger than that of every holder before."""
        assert self.mine, "the lock is not held"
        return self.mine.token

    def holder(self) -> Holder | None:
        """Who has the lock; UNKNOWN, who lives by the file's age, when it does not say so."""
        text = self.control.text(NAME)
        try:
            return None if text is None else Holder(**json.loads(text))
        except (ValueError, TypeError):
            return UNKNOWN

    def alive(self, holder: Holder) -> bool:
        """Whether the holder still works: asked of its process here, of its heartbeat when it is elsewhere."""
        if holder.host == socket.gethostname() and holder.machine in ("", machine()):
            return bool(holder.born) and process_start(holder.pid) == holder.born
        age = self.control.age(NAME)
        return age is not None and age < STALE

    def take(self) -> None:
        """Take the lock, or raise LockHeld naming the holder and what to do."""
        mine = self._me()
        if not self.control.claim(NAME, _text(mine)):
            raise LockHeld(self._refusal())
        self.mine = self._fenced(mine)

    def _me(self) -> Holder:
        pid, since = os.getpid(), datetime.now(UTC).isoformat(timespec="seconds")
        born = process_start(pid)
        return Holder(getuser(), socket.gethostname(), pid, born, self.deployment, 0, since, machine())

    def _fenced(self, mine: Holder) -> Holder:
        """The holder with a token of its own; drawn while the lock is held, so no two are alike."""
        token = int(self.control.text(FENCE) or 0) + 1
        self.control.replace(FENCE, str(token))
        mine = replace(mine, token=token)
        self.control.replace(NAME, _text(mine))
        return mine

    def _refusal(self) -> str:
        holder = self.holder()
        if holder is None:
            return "The lock was held a moment ago; try again."
        if self.alive(holder):
            return f"Held by {holder}. Wait for it to end."
        return f"Left by {holder}, which no longer runs. See `invoke deploy.status`, then `invoke deploy.unlock`."

    def renew(self) -> None:
        """One heartbeat; raises LockHeld when the lock is no longer ours."""
        if not (self.mine and self.control.touch(NAME, _text(self.mine))):
            raise LockHeld(f"The lock of {self.deployment} was taken away: {self.holder() or 'it is gone'}.")

    def release(self) -> None:
        """Give the lock back; only its holder does."""
        if self.mine:
            self.control.remove(NAME, _text(self.mine))
        self.mine = None

    def break_dead(self) -> Holder | None:
        """Remove a dead holder's lock (kept beside as `lock.broken`) and return who it was; refuse while it lives."""
        holder = self.holder()
        if holder is None:
            return None
        if self.alive(holder):
            raise LockHeld(f"Held by {holder}, which is alive. Nothing was unlocked.")
        self.control.rename(NAME, "lock.broken")
        return holder

    def __enter__(self) -> Lock:
        self.take()
        threading.Thread(target=self._beat, daemon=True, name="lock heartbeat").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        try:
            self.release()
        except OSError:
            if error is None:
                raise
            # the control host is lost, which the error that comes up tells; the lock grows old there

    def _beat(self) -> None:
        while not self._stop.wait(BEAT):
            try:
                self.renew()
            except (LockHeld, OSError):
                return  # the flow renews before each step and meets the error there


def _text(holder: Holder) -> str:
    return json.dumps(asdict(holder))
