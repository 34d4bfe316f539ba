"""The practice repository: two releases and the broken branches, each with a manifest of what it holds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.sandbox.tiki_pipeline import history

COMMITS = {f"{commit.branch}-{commit.mark}": commit for commit in history.commits()}


def git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_main_is_the_second_release_and_each_branch_lies_on_top(tmp_path: Path) -> None:
    history.make_repository(tmp_path / "tiki.git")
    heads = git(tmp_path / "tiki.git", "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads").splitlines()
    assert sorted(heads) == sorted(["main", *history.BRANCHES])
    for branch in history.BRANCHES:
        assert git(tmp_path / "tiki.git", "rev-parse", f"{branch}~1") == git(tmp_path / "tiki.git", "rev-parse", "v2")
        assert git(tmp_path / "tiki.git", "log", "-1", "--format=%an", branch) == "Tiki Pipeline"
    history.make_repository(tmp_path / "again.git")
    assert git(tmp_path / "again.git", "show-ref") == git(tmp_path / "tiki.git", "show-ref")


@pytest.mark.parametrize("commit", COMMITS.values(), ids=COMMITS)
def test_each_commit_compiles_and_tells_the_hashes_of_its_files(commit: history.Commit) -> None:
    for name, content in commit.tree.items():
        if name.endswith(".py"):
            compile(content, name, "exec")
    listed = dict(reversed(line.split("  ")) for line in commit.tree[history.MANIFEST].decode().splitlines())
    assert listed.keys() == commit.tree.keys() - {history.MANIFEST}
    assert all(listed[name] == history.normalised_hash(commit.tree[name]) for name in listed)


def test_line_endings_are_no_difference() -> None:
    assert history.manifest({"a": b"one\r\ntwo\r\n"}) == history.manifest({"a": b"one\ntwo\n"})


def test_the_four_indexes_come_in_migrations_that_can_be_taken_back() -> None:
    tree = COMMITS["main-2"].tree
    made = tree["migrations/001_performance_indexes.sql"].decode().splitlines()
    assert len(made) == 4 and all(line.startswith("CREATE INDEX CONCURRENTLY") for line in made)
    ups = [name for name in tree if name.startswith("migrations/") and not name.endswith(".down.sql")]
    assert all(name.removesuffix(".sql") + ".down.sql" in tree for name in ups)
