"""The practice repository: the same everywhere, made once, with every release and branch in it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.sandbox.extraction_engine import history


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_main_is_the_second_release_and_each_branch_lies_on_top(repository: Path) -> None:
    heads = git(repository, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").splitlines()
    assert sorted(heads) == sorted(["main", *history.BRANCHES])
    assert git(repository, "rev-parse", "main") == git(repository, "rev-parse", "v2")
    assert git(repository, "symbolic-ref", "HEAD") == "refs/heads/main"
    for branch in history.BRANCHES:
        assert git(repository, "rev-parse", f"{branch}~1") == git(repository, "rev-parse", "v2")
    assert git(repository, "rev-parse", "v2~1") == git(repository, "rev-parse", "v1")


def test_nothing_of_a_running_engine_is_tracked(repository: Path) -> None:
    tracked = git(repository, "ls-tree", "-r", "--name-only", "main").splitlines()
    assert "engine/config/sources.yaml.example" in tracked
    assert not [name for name in tracked if name.endswith((".pyc", "generated_client.py", "/sources.yaml"))]


def test_ids_are_the_same_wherever_it_is_made(repository: Path, tmp_path: Path) -> None:
    history.make_repository(tmp_path / "again.git")
    assert git(tmp_path / "again.git", "show-ref") == git(repository, "show-ref")


def test_a_repository_that_is_right_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "engine.git"
    history.make_repository(path)
    before = path.stat().st_mtime_ns
    history.make_repository(path)
    assert path.stat().st_mtime_ns == before
    assert [found.name for found in path.parent.iterdir()] == ["engine.git"]


def test_one_of_another_template_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "engine.git"
    history.make_repository(path)
    (path / history.FINGERPRINT).write_text("another")
    history.make_repository(path)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["engine.git", "engine.git.old-1"]


@pytest.mark.parametrize("changed", ["template/README.md", "changes/second-release/edits.yaml", "changes/new/file"])
def test_what_it_is_made_of_is_known_by_its_hash(changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = history._sources()
    for name in ("template", "changes"):
        shutil.copytree(history.HERE / name, tmp_path / name)
    monkeypatch.setattr(history, "HERE", tmp_path)
    assert history._sources() == before
    (tmp_path / changed).parent.mkdir(exist_ok=True)
    (tmp_path / changed).write_text("changed")
    assert history._sources() != before


def test_the_secret_is_in_its_branch_and_nowhere_else(repository: Path) -> None:
    found = git(repository, "grep", "-l", "-E", "sk-ant-api03-[0-9a-f]{40}", "broken/secret-committed")
    assert found == "broken/secret-committed:engine/config/extraction.yaml"
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "grep", "-E", "sk-ant-", "main")


def test_an_edit_that_finds_no_place_is_an_error() -> None:
    with pytest.raises(DeployError, match="0 times 'x', not once"):
        history.replace_once(b"abc", {"path": "a", "old": "x", "new": "y"}, "change")
