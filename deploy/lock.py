"""One deployment at a time: a lock file on the target, with its owner, a heartbeat and a fencing token.

Taken by `link(2)`, which is atomic and never leaves a lock without an owner in it. A holder is alive while its process
is (same host) or while its heartbeat is fresh (another host). Nobody takes a lock from a living holder.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from types import TracebackType

from deploy import durable
from deploy.errors import LockHeld

BEAT = 5.0  # seconds between heartbeats
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

    def __str__(self) -> str:
        return f"{self.owner} on {self.host} (pid {self.pid}), deploying {self.deployment} since {self.since}"


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


class Lock:
    """The lock of one environment; a context manager that holds it and keeps its heart beating."""

    def __init__(self, folder: Path, deployment: str) -> None:
        self.folder, self.deployment = folder, deployment
        self.path = folder / "lock"
        self.mine: Holder | None = None
        self._stop = threading.Event()

    @property
    def token(self) -> int:
        """The fencing token: larger than that of every holder before."""
        assert self.mine, "the lock is not held"
        return self.mine.token

    def holder(self) -> Holder | None:
        try:
            return Holder(**json.loads(self.path.read_text()))
        except FileNotFoundError:
            return None

    def alive(self, holder: Holder) -> bool:
        """Whether the holder still works: asked of its process here, of its heartbeat when it is elsewhere."""
        if holder.host == socket.gethostname():
            return bool(holder.born) and process_start(holder.pid) == holder.born
        try:
            return time.time() - self.path.stat().st_mtime < STALE
        except FileNotFoundError:
            return False

    def take(self) -> None:
        """Take the lock, or raise LockHeld naming the holder and what to do."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        mine = self._me()
        draft = self.folder / f".lock.{os.getpid()}.{threading.get_ident()}"
        draft.write_text(json.dumps(asdict(mine)))
        try:
            os.link(draft, self.path)
        except FileExistsError:
            raise LockHeld(self._refusal()) from None
        finally:
            draft.unlink()
        self.mine = self._fenced(mine)

    def _me(self) -> Holder:
        pid, since = os.getpid(), datetime.now(UTC).isoformat(timespec="seconds")
        return Holder(getuser(), socket.gethostname(), pid, process_start(pid), self.deployment, 0, since)

    def _fenced(self, mine: Holder) -> Holder:
        """The holder with a token of its own; drawn while the lock is held, so no two are alike."""
        fence = self.folder / "fence"
        token = int(fence.read_text()) + 1 if fence.exists() else 1
        durable.replace(fence, str(token))
        mine = replace(mine, token=token)
        durable.replace(self.path, json.dumps(asdict(mine)))
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
        if self.holder() != self.mine:
            raise LockHeld(f"The lock of {self.deployment} was taken away: {self.holder() or 'it is gone'}.")
        os.utime(self.path)

    def release(self) -> None:
        """Give the lock back; only its holder does."""
        if self.mine and self.holder() == self.mine:
            self.path.unlink()
        self.mine = None

    def break_dead(self) -> Holder | None:
        """Remove a dead holder's lock (kept beside as `lock.broken`) and return who it was; refuse while it lives."""
        holder = self.holder()
        if holder is None:
            return None
        if self.alive(holder):
            raise LockHeld(f"Held by {holder}, which is alive. Nothing was unlocked.")
        self.path.replace(self.folder / "lock.broken")
        return holder

    def __enter__(self) -> Lock:
        self.take()
        threading.Thread(target=self._beat, daemon=True, name="lock heartbeat").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stop.set()
        self.release()

    def _beat(self) -> None:
        while not self._stop.wait(BEAT):
            try:
                self.renew()
            except (LockHeld, OSError):
                return  # the flow renews before each step and meets the error there
