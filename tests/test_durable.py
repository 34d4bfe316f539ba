"""Files that are there in full or not at all."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy import durable


def full(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_replaced_and_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    durable.replace(path, "old")
    durable.replace(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_on_a_full_disk_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    durable.replace(path, "old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        durable.replace(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for line in ("one", "two"):
        durable.append(path, line)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("one\ntwo\n", 0o600)


@pytest.mark.parametrize("taken", [0, 2])
def test_on_a_full_disk_nothing_of_a_line_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    """A disk that fills up takes a part of the line first, and says so only at the next write."""
    path, write = tmp_path / "file", os.write
    durable.append(path, "one")
    answers = iter([taken] if taken else [])

    def partly(descriptor: int, data: bytes) -> int:
        count = next(answers, None)
        return full() if count is None else write(descriptor, data[:count])

    monkeypatch.setattr(os, "write", partly)
    with pytest.raises(OSError, match="No space left"):
        durable.append(path, "two")
    assert path.read_text() == "one\n"


@pytest.fixture
def usual() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_ctrl_c_counts_when_all_is_done(usual: None) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), durable.uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("all")
    assert done == ["all"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_counts_at_once(usual: None) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), durable.uninterrupted():
        signal.raise_signal(signal.SIGINT)
        done.append("a part")
        signal.raise_signal(signal.SIGINT)
        done.append("the rest")
    assert done == ["a part"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_are_never_interrupted(usual: None) -> None:
    def work() -> object:
        with durable.uninterrupted():
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() is signal.default_int_handler
