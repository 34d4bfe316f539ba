"""Small files of a host, through its shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.channels import files
from deploy.channels.transport import Local
from deploy.errors import CommandFailed

HERE = Local()


def test_a_file_is_written_privately_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "not yet" / "it's here" / "state"
    text = "line 1\n'quoted' $HOME \\n %s\nno line end"
    files.write(str(path), text, 0o600, HERE)
    assert files.read(str(path), HERE) == text
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [left.name for left in path.parent.iterdir()] == ["state"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("old")
    kept = path.open()
    files.write(str(path), "new", 0o644, HERE)
    assert kept.read() == "old" and path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    kept.close()


def test_a_file_that_cannot_be_written_stays_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("old")
    with pytest.raises(CommandFailed, match="write "):
        files.write(str(tmp_path / "folder" / "file" / "below"), "new", 0o600, HERE)
    assert [left.name for left in (tmp_path / "folder").iterdir()] == ["file"]


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert files.read(str(tmp_path / "absent"), HERE) is None
    assert files.read(str(tmp_path / "no" / "such" / "folder"), HERE) is None
    assert files.read("/no-such-file-at-the-root", HERE) is None


def test_what_cannot_be_read_is_not_taken_for_absent(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed):
        files.read(str(tmp_path), HERE)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(CommandFailed):
        files.read(str(tmp_path / "dangling"), HERE)


def test_an_empty_file_is_empty_text(tmp_path: Path) -> None:
    files.write(str(tmp_path / "empty"), "", 0o600, HERE)
    assert files.read(str(tmp_path / "empty"), HERE) == ""
