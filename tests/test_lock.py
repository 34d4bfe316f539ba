"""The lock: one holder, a living one is never robbed, a dead one is recognised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import LockHeld
from deploy.lock import STALE, Lock, process_start


def test_it_is_taken_once_and_given_back(tmp_path: Path) -> None:
    with Lock(tmp_path, "one") as lock:
        holder = lock.holder()
        assert holder and (holder.pid, holder.deployment, holder.token) == (os.getpid(), "one", lock.token)
        with pytest.raises(LockHeld, match=r"Held by .* deploying one since"):
            Lock(tmp_path, "two").take()
    assert Lock(tmp_path, "two").holder() is None


def test_every_holder_gets_a_larger_token(tmp_path: Path) -> None:
    tokens = []
    for _ in range(3):
        with Lock(tmp_path, "one") as lock:
            tokens.append(lock.token)
    assert tokens == sorted(set(tokens))


def test_where_the_control_host_is_new_the_time_makes_tokens_larger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = []
    for folder, now in (("old", 1000.0), ("old", 999.0), ("new", 2000.5), ("new", 1500.0)):
        monkeypatch.setattr("deploy.lock.time.time", lambda now=now: now)
        with Lock(tmp_path / folder, "one") as lock:
            tokens.append(lock.token)
    assert tokens == [1000, 1001, 2000, 2001]


def dead_holder(folder: Path) -> Lock:
    """A lock that was taken by a process which has ended since."""
    code = f"from pathlib import Path; from deploy.lock import Lock; Lock(Path({str(folder)!r}), 'gone').take()"
    subprocess.run([sys.executable, "-c", code], check=True)
    return Lock(folder, "next")


def test_a_dead_holder_is_recognised_and_only_unlocking_removes_it(tmp_path: Path) -> None:
    lock = dead_holder(tmp_path)
    with pytest.raises(LockHeld, match=r"no longer runs.*deploy\.unlock"):
        lock.take()
    broken = lock.break_dead()
    assert broken and broken.deployment == "gone"
    lock.take()
    lock.release()


def test_unlocking_refuses_while_the_holder_lives(tmp_path: Path) -> None:
    with Lock(tmp_path, "one"), pytest.raises(LockHeld, match="alive"):
        Lock(tmp_path, "two").break_dead()


def test_a_reused_pid_is_not_taken_for_the_holder(tmp_path: Path) -> None:
    lock = dead_holder(tmp_path)
    holder = lock.holder()
    assert holder
    lock.path.write_text(json.dumps(asdict(replace(holder, pid=os.getpid()))))
    reused = lock.holder()
    assert reused and not lock.alive(reused)


def test_a_holder_elsewhere_lives_by_its_heartbeat(tmp_path: Path) -> None:
    lock = dead_holder(tmp_path)
    holder = lock.holder()
    assert holder
    elsewhere = replace(holder, host="another.example")
    lock.path.write_text(json.dumps(asdict(elsewhere)))
    assert lock.alive(elsewhere)
    old = time.time() - STALE - 1
    os.utime(lock.path, (old, old))
    assert not lock.alive(elsewhere)


def test_a_lock_that_was_taken_away_is_noticed_and_not_released(tmp_path: Path) -> None:
    lock = Lock(tmp_path, "one")
    lock.take()
    lock.path.unlink()
    with Lock(tmp_path, "two"):
        with pytest.raises(LockHeld, match="taken away"):
            lock.renew()
        lock.release()
        holder = lock.holder()
        assert holder and holder.deployment == "two"


@pytest.mark.parametrize("text", ["", "half a rec", "[1]", "{}"])
def test_a_lock_that_names_no_holder_is_kept_while_it_is_fresh_and_then_unlocked(tmp_path: Path, text: str) -> None:
    lock = Lock(tmp_path, "one")
    lock.path.write_text(text)
    with pytest.raises(LockHeld, match="Held by somebody unknown"):
        lock.take()
    with pytest.raises(LockHeld, match="Nothing was unlocked"):
        lock.break_dead()
    old = time.time() - STALE - 1
    os.utime(lock.path, (old, old))
    with pytest.raises(LockHeld, match=r"Left by somebody unknown.*`invoke deploy.unlock`"):
        lock.take()
    assert lock.break_dead()
    assert (tmp_path / "lock.broken").read_text() == text
    with lock:
        lock.renew()


def compete(folder: str, barrier: Any, won: Any) -> None:
    barrier.wait()
    try:
        Lock(Path(folder), str(os.getpid())).take()
    except LockHeld:
        return
    won.put(os.getpid())
    time.sleep(0.3)


def test_of_many_at_once_one_wins(tmp_path: Path) -> None:
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    barrier, won = context.Barrier(6), context.Queue()
    runners = [context.Process(target=compete, args=(str(tmp_path), barrier, won)) for _ in range(6)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(20)
    assert won.get(timeout=5)
    assert won.empty()


def test_the_start_of_a_process_that_is_gone_is_empty() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert process_start(os.getpid())
    assert process_start(child.pid) == ""
