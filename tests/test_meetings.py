"""Two that meet at the control folder: operators, commands of one machine, a heartbeat, Ctrl-C. Nothing is torn apart.

Each meeting is arranged: what the other one does happens right after a certain script was run on the control host.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.channels.transport import Local
from deploy.control import There
from deploy.errors import LockHeld
from deploy.journal import Archive, Journal
from deploy.lock import Lock
from tests.elsewhere import ASKED_AGE, BEATEN, CLAIMED, FETCHED, GIVEN_BACK, LISTED, RECORDED, Lossy


@pytest.fixture
def link() -> Lossy:
    return Lossy()


@pytest.fixture
def control(tmp_path: Path, link: Lossy) -> There:
    return There(str(tmp_path / "far"), link, tmp_path / "near")


@pytest.fixture
def beside(tmp_path: Path) -> There:
    """Another command on this machine."""
    return There(str(tmp_path / "far"), Local(), tmp_path / "near")


@pytest.fixture
def other(tmp_path: Path) -> There:
    """Another operator's machine."""
    return There(str(tmp_path / "far"), Local(), tmp_path / "elsewhere")


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[], None]]:
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, usual)


def kinds(journals: Path) -> list[str]:
    """The records of the only journal in a folder, which holds."""
    assert Archive(journals).verify() == []
    (journal,) = Archive(journals).journals()
    return [record["kind"] for record in journal.records]


def test_a_mirror_that_another_command_brings_in_line_meanwhile(
    tmp_path: Path, control: There, link: Lossy, beside: There
) -> None:
    """It fetches a record that is there and not yet here."""
    journal = Journal.create(Archive(control.folder / "journals", control), "one")
    link.then[RECORDED] = beside.refresh
    journal.append("two")
    journal.append("three")
    assert kinds(tmp_path / "near/journals") == kinds(tmp_path / "far/journals") == ["opened", "two", "three"]


def test_what_was_fetched_before_another_command_wrote_does_not_replace_it(
    tmp_path: Path, control: There, link: Lossy, beside: There, other: There
) -> None:
    journal = Journal.create(Archive(other.folder / "journals", other), "one")
    control.refresh()
    journal.append("elsewhere")

    def go_on() -> None:
        beside.refresh()
        going = Archive(beside.folder / "journals", beside)
        writing.append(going.open(going.journals()[0]))
        writing[0].append("resumed")

    writing: list[Journal] = []
    link.then[FETCHED] = go_on
    control.refresh()
    writing[0].append("done")
    assert kinds(tmp_path / "near/journals") == ["opened", "elsewhere", "resumed", "done"]
    assert kinds(tmp_path / "far/journals") == ["opened", "elsewhere", "resumed", "done"]


def test_a_mirror_that_was_set_back_is_brought_in_line_by_the_next_record(tmp_path: Path, control: There) -> None:
    journal = Journal.create(Archive(control.folder / "journals", control), "one")
    before = journal.path.read_bytes()
    journal.append("two")
    journal.path.write_bytes(before)
    journal.append("three")
    assert kinds(tmp_path / "near/journals") == kinds(tmp_path / "far/journals") == ["opened", "two", "three"]


def test_a_journal_that_begins_while_another_command_asks_is_not_taken_for_gone(
    tmp_path: Path, control: There, link: Lossy, beside: There
) -> None:
    begun: list[Journal] = []
    link.then[LISTED] = lambda: begun.append(Journal.create(Archive(beside.folder / "journals", beside), "one"))
    control.refresh()
    begun[0].append("two")
    assert kinds(tmp_path / "near/journals") == ["opened", "two"] and not (tmp_path / "near/gone").exists()


@pytest.mark.parametrize("moment", [LISTED, FETCHED])
def test_a_head_never_tells_of_more_than_was_fetched(
    tmp_path: Path, control: There, link: Lossy, other: There, moment: str
) -> None:
    journal = Journal.create(Archive(other.folder / "journals", other), "one")
    journal.append("two")
    link.then[moment] = lambda: [journal.append("three"), journal.append("four")]
    control.refresh()
    assert kinds(tmp_path / "near/journals")[:2] == ["opened", "two"]
    link.then[moment] = lambda: journal.append("five")
    control.refresh()
    assert kinds(tmp_path / "near/journals")[:4] == ["opened", "two", "three", "four"]


def test_a_line_that_is_being_written_is_fetched_whole(tmp_path: Path, control: There, link: Lossy) -> None:
    journal = Journal.create(Archive(tmp_path / "far/journals"), "one")
    journal.append("two")
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[:-9])
    link.then[FETCHED] = lambda: journal.path.write_bytes(whole)
    control.refresh()
    assert kinds(tmp_path / "near/journals") == ["opened", "two"]


def test_a_record_that_is_asked_again_meets_the_one_that_still_runs_there(
    tmp_path: Path, control: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both write the head: a `mv` before which the other one has moved its own."""
    journal = Journal.create(Archive(control.folder / "journals", control), "one")
    mover = tmp_path / "bin/mv"
    mover.parent.mkdir()
    mover.write_text(f'#!/bin/sh\nrm -f journals/one.head.new\nexec {shutil.which("mv")} "$@"\n')
    mover.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{mover.parent}:{os.environ['PATH']}")
        journal.append("two")
    assert kinds(tmp_path / "far/journals") == ["opened", "two"]
    assert len(list((tmp_path / "far/journals").iterdir())) == 2


def test_a_ctrl_c_waits_for_the_record_that_is_being_written(
    tmp_path: Path, control: There, link: Lossy, ctrl_c: Callable[[], None]
) -> None:
    journal = Journal.create(Archive(control.folder / "journals", control), "one")
    link.then[RECORDED] = ctrl_c
    with pytest.raises(KeyboardInterrupt):
        journal.append("two")
    journal.append("failed")
    assert kinds(tmp_path / "near/journals") == kinds(tmp_path / "far/journals") == ["opened", "two", "failed"]


def test_a_ctrl_c_while_a_journal_is_opened_leaves_nothing_to_resume(
    tmp_path: Path, control: There, link: Lossy, ctrl_c: Callable[[], None]
) -> None:
    link.then[RECORDED] = ctrl_c
    with pytest.raises(KeyboardInterrupt):
        Journal.create(Archive(control.folder / "journals", control), "one")
    assert kinds(tmp_path / "far/journals") == ["opened", "closed"]


def test_a_ctrl_c_while_the_lock_is_taken_leaves_none_behind(
    tmp_path: Path, control: There, link: Lossy, ctrl_c: Callable[[], None]
) -> None:
    link.then[CLAIMED] = ctrl_c
    with pytest.raises(KeyboardInterrupt), Lock(control, "one"):
        raise AssertionError("it went on")
    assert not (tmp_path / "far/lock").exists()


@pytest.mark.parametrize("lost", [(False, True), (False, False, True)])
def test_a_lock_whose_answer_was_lost_is_ours_or_given_back(
    tmp_path: Path, control: There, link: Lossy, lost: tuple[bool, ...]
) -> None:
    link.losing = iter(lost)
    with Lock(control, "one") as lock:
        lock.renew()
        assert (tmp_path / "far/fence").read_text() == str(lock.token)
    assert not (tmp_path / "far/lock").exists()


def test_a_lock_that_cannot_be_asked_about_any_more_is_given_back(tmp_path: Path, control: There, link: Lossy) -> None:
    link.losing = iter([False, True, True])
    with pytest.raises(OSError, match="the control folder"):
        Lock(control, "one").take()
    assert not (tmp_path / "far/lock").exists()


def test_who_is_taken_for_dead_before_it_has_its_token_takes_nothing_away(
    tmp_path: Path, control: There, link: Lossy, other: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was held up for long between its claim and its token; somebody elsewhere unlocked, and deploys."""
    second = Lock(other, "two")

    def unlock() -> None:
        os.utime(tmp_path / "far/lock", (1, 1))
        monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
        assert second.break_dead()
        second.take()

    link.then[CLAIMED] = unlock
    with pytest.raises(LockHeld, match="deploying two since"):
        Lock(control, "one").take()
    second.renew()
    assert (tmp_path / "far/fence").read_text() == str(second.token)


def test_a_token_that_somebody_else_has_drawn_is_not_drawn_again(tmp_path: Path, control: There, link: Lossy) -> None:
    theirs = int(time.time()) + 1000
    link.then[CLAIMED] = lambda: (tmp_path / "far/fence").write_text(str(theirs))
    with Lock(control, "one") as lock:
        assert lock.token == theirs + 1
        lock.renew()


def test_a_lock_that_was_unlocked_and_taken_again_is_not_unlocked_twice(
    tmp_path: Path, control: There, link: Lossy, other: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    Lock(other, "dead").take()
    os.utime(tmp_path / "far/lock", (1, 1))
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    second = Lock(other, "two")
    link.then[ASKED_AGE] = lambda: [second.break_dead(), second.take()]
    with pytest.raises(LockHeld, match=r"deploying dead since .* has changed hands just now"):
        Lock(control, "").break_dead()
    second.renew()


def test_the_heart_beats_on_after_a_connection_was_lost(
    control: There, link: Lossy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.lock.BEAT", 0.01)
    again = threading.Event()

    def lose() -> None:
        link.losing = iter([True])
        link.then[BEATEN] = again.set

    with Lock(control, "one"):
        link.then[BEATEN] = lose
        assert again.wait(20)


def test_no_heartbeat_is_under_way_after_the_lock_was_given_back(
    control: There, link: Lossy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.lock.BEAT", 0.01)
    begun, given_back = threading.Event(), threading.Event()
    link.then[GIVEN_BACK] = given_back.set
    with Lock(control, "one"):
        link.then[BEATEN] = lambda: [begun.set(), given_back.wait(20)]
        assert begun.wait(20)
    assert "lock heartbeat" not in [thread.name for thread in threading.enumerate()]
