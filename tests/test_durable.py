"""Files that are there in full or not at all."""

from __future__ import annotations

import errno
import os
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
