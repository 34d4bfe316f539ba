"""The control folder on another host: each change there first, then in the mirror; whatever was lost is asked again."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from deploy.channels.transport import Local
from deploy.control import There
from deploy.errors import LockHeld
from deploy.journal import Archive, Journal
from deploy.lock import STALE, Lock
from tests.elsewhere import Lossy


@pytest.fixture
def link() -> Lossy:
    return Lossy()


@pytest.fixture
def control(tmp_path: Path, link: Lossy) -> There:
    return There(str(tmp_path / "far"), link, tmp_path / "near")


def test_journals_are_there_and_in_the_mirror(tmp_path: Path, control: There) -> None:
    archive = Archive(control.folder / "journals", control)
    journal = Journal.create(archive, "one", note='it\'s $HOME\n"quoted"')
    journal.append("done", facts={"a": 1})
    for side in ("far", "near"):
        assert (tmp_path / side / "journals/one.jsonl").read_bytes() == journal.path.read_bytes()
        assert Archive(tmp_path / side / "journals").verify() == []
    assert (tmp_path / "far/journals/one.jsonl").stat().st_mode & 0o777 == 0o600


def test_another_operator_reads_what_the_first_one_wrote(tmp_path: Path, control: There) -> None:
    Journal.create(Archive(control.folder / "journals", control), "one").append("more")
    other = There(str(tmp_path / "far"), Local(), tmp_path / "elsewhere")
    other.refresh()
    archive = Archive(other.folder / "journals", other)
    archive.open(archive.journals()[0]).append("from elsewhere")
    control.refresh()
    kinds = [record["kind"] for record in Archive(control.folder / "journals").journals()[0].records]
    assert kinds == ["opened", "more", "from elsewhere"]


def test_a_record_whose_answer_was_lost_is_not_written_twice(tmp_path: Path, control: There, link: Lossy) -> None:
    journal = Journal.create(Archive(control.folder / "journals", control), "one")
    link.losing = iter([True])
    journal.append("more")
    journal.append("last")
    assert Archive(tmp_path / "far/journals").verify() == []
    assert [record["kind"] for record in Archive(tmp_path / "far/journals").journals()[0].records] == [
        "opened",
        "more",
        "last",
    ]


def test_a_host_that_is_lost_for_good_is_an_error_and_leaves_no_record_here(control: There, link: Lossy) -> None:
    journal = Journal.create(Archive(control.folder / "journals", control), "one")
    link.losing = iter([True, True])
    with pytest.raises(OSError, match="the control folder"):
        journal.append("more")
    assert len(journal.path.read_text().splitlines()) == len(journal.records) == 1


def test_a_line_that_was_torn_is_cut_off_on_both_sides(tmp_path: Path, control: There) -> None:
    archive = Archive(control.folder / "journals", control)
    Journal.create(archive, "one")
    with (tmp_path / "far/journals/one.jsonl").open("a") as file:
        file.write('{"seq": 2, "ki')
    control.refresh()
    journal = archive.open(archive.journals()[0])
    journal.append("on")
    assert [record["kind"] for record in journal.records] == ["opened", "repaired", "on"]
    assert Archive(tmp_path / "far/journals").verify() == []


def test_one_of_two_operators_holds_the_lock(tmp_path: Path, control: There) -> None:
    other = There(str(tmp_path / "far"), Local(), tmp_path / "elsewhere")
    with Lock(control, "one") as lock:
        lock.renew()
        with pytest.raises(LockHeld, match="deploying one since"):
            Lock(other, "two").take()
        first = lock.token
    with Lock(other, "two") as lock:
        assert lock.token > first
    assert Lock(control, "").holder() is None


def test_a_lock_that_was_taken_away_is_missed(tmp_path: Path, control: There) -> None:
    lock = Lock(control, "one")
    lock.take()
    (tmp_path / "far/lock").write_text((tmp_path / "far/lock").read_text().replace('"one"', '"two"'))
    with pytest.raises(LockHeld, match="taken away"):
        lock.renew()


def test_the_far_clock_tells_how_old_a_heartbeat_is(tmp_path: Path, control: There) -> None:
    Lock(control, "one").take()
    age = control.age("lock")
    assert age is not None and age < STALE
    os.utime(tmp_path / "far/lock", (1, 1))
    age = control.age("lock")
    assert age is not None and age > STALE
    assert control.age("none") is None


def test_a_heartbeat_that_meets_the_release_leaves_no_lock_behind(
    tmp_path: Path, control: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is given back after the heartbeat has read it and before it touches it: a `cat` that removes it."""
    lock = Lock(control, "one")
    lock.take()
    reader = tmp_path / "bin/cat"
    reader.parent.mkdir()
    reader.write_text(f'#!/bin/sh\n{shutil.which("cat")} "$@"\nrm -f "$@"\n')
    reader.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{reader.parent}:{os.environ['PATH']}")
        with contextlib.suppress(LockHeld):
            lock.renew()
    assert not (tmp_path / "far/lock").exists()


def test_a_lock_that_cannot_be_made_is_an_error_and_not_somebody_elses(
    tmp_path: Path, control: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bin/ln"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'ln: Operation not permitted' >&2\nexit 1\n")
    broken.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")
        with pytest.raises(OSError, match="not permitted"):
            Lock(control, "one").take()
    assert not list((tmp_path / "far").glob(".*"))
    with Lock(control, "two") as lock:
        lock.renew()
