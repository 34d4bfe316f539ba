"""Releases from a real repository: made whole or not at all, switched in one instant, pruned with care."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy import folders
from deploy.command import paste
from deploy.deployment import Deployment
from deploy.errors import CommandFailed, StepFailed
from deploy.site import Site
from deploy.steps.release import ReleaseStep, SwitchStep, current, prune
from deploy.system import Environment, System
from tests.backups.world import Said

NAMES = {f"GIT_{who}_{what}": "t@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, check=True, capture_output=True, text=True, env={**os.environ, **NAMES}
    )
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where mirrors are kept."""
    monkeypatch.setattr(folders, "PROJECT", tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "data").mkdir()
    (folder / "data/seed.txt").write_text("brought by the release\n")
    (folder / "a file").write_text("one\n")
    (folder / "key.txt").write_text("k\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def change(source: Path, text: str) -> str:
    (source / "a file").write_text(text)
    git(source, "commit", "-qam", text)
    return git(source, "rev-parse", "HEAD")


def deployment(source: Path, commit: str | None = None, previous: str | None = None, **release: Any) -> Deployment:
    environment = Environment(name="test", root=str(source.parent / "root"), repository=str(source))
    described = {"shared": ["data", "settings.yaml"], "writable": ["data"], "private": ["key.txt"], **release}
    system = System.model_validate(
        {"name": "s", "title": "S", "folder": source.parent, "flow": ["prereqs"], "release": described}
    )
    chosen = commit or git(source, "rev-parse", "HEAD")
    return Deployment("d", system, environment, Site(environment), "main", chosen, previous)


def made(source: Path, commit: str | None = None, **release: Any) -> Deployment:
    one = deployment(source, commit, **release)
    step = ReleaseStep(one)
    step.do(Said())
    assert step.done()
    return one


def folder(one: Deployment) -> Path:
    return Path(str(one.layout.release(one.release)))


def test_a_release_holds_the_commit_and_links_what_is_shared(source: Path) -> None:
    one = made(source)
    place, shared = folder(one), source.parent / "root/shared"
    assert (place / "a file").read_text() == "one\n"
    assert (place / "data").is_symlink() and (place / "data/seed.txt").read_text() == "brought by the release\n"
    assert (shared / "data/seed.txt").exists()
    assert (place / "settings.yaml").is_symlink()
    assert (place / "key.txt").stat().st_mode & 0o027 == 0


def test_what_is_shared_outlives_the_next_release(source: Path) -> None:
    first = made(source)
    (folder(first) / "data/mine.txt").write_text("written since")
    second = made(source, change(source, "two"))
    assert (folder(second) / "data/mine.txt").read_text() == "written since"


def test_a_second_run_finds_it_done(source: Path) -> None:
    assert ReleaseStep(deployment(source, made(source).commit)).done()


@pytest.mark.parametrize("name", ["a file", ".release.json"])
def test_a_release_that_was_changed_or_not_finished_is_made_again(source: Path, name: str) -> None:
    one = made(source)
    (folder(one) / name).unlink()
    assert not ReleaseStep(one).done()
    made(source)
    assert [path.name for path in folder(one).parent.glob("*.unfinished-*")]  # kept aside, for a look


def test_the_current_release_is_never_made_anew_under_its_feet(source: Path) -> None:
    one = made(source)
    SwitchStep(one).do(Said())
    (folder(one) / "a file").write_text("changed by hand")
    with pytest.raises(StepFailed, match="is damaged"):
        ReleaseStep(one).do(Said())


def test_a_build_that_fails_leaves_no_release(source: Path) -> None:
    one = deployment(source, build=[{"name": "break", "run": ["false"]}])
    with pytest.raises(CommandFailed):
        ReleaseStep(one).do(Said())
    assert not ReleaseStep(one).done()


def test_an_archive_that_fails_at_its_end_is_no_release(source: Path) -> None:
    """What it had written by then may well look whole."""
    real, tools = shutil.which("git"), source.parent / "tools"
    tools.mkdir()
    (tools / "git").write_text(f'#!/bin/sh\n{real} "$@" || exit\ncase "$*" in *" archive "*) exit 1 ;; esac\n')
    (tools / "git").chmod(0o755)
    one = deployment(source)
    one.environment = one.environment.model_copy(update={"path": (str(tools),)})
    one.site = Site(one.environment)
    with pytest.raises(CommandFailed):
        ReleaseStep(one).do(Said())
    assert not ReleaseStep(one).done()


def test_the_plan_is_shell_that_makes_the_same_release(source: Path) -> None:
    one = deployment(source)
    subprocess.run(
        ["sh"], input="set -eu\n" + paste(ReleaseStep(one).plan() + SwitchStep(one).plan()), text=True, check=True
    )
    assert ReleaseStep(one).done() and SwitchStep(one).done()


def test_switching_there_and_back(source: Path) -> None:
    first = made(source)
    assert not SwitchStep(first).done()
    assert SwitchStep(first).before() == {"from": None}
    assert SwitchStep(first).do(Said()) == {"to": first.release}
    second = made(source, change(source, "two"))
    found = SwitchStep(second).before()
    SwitchStep(second).do(Said())
    assert current(second) == second.release
    second.learn("switch", found)
    assert SwitchStep(second).before() == found  # a second try remembers what was before the first one
    assert SwitchStep(second).undo(found, Said()) == {"to": first.release}
    assert current(second) == first.release
    SwitchStep(first).undo({"from": None}, Said())
    assert current(first) is None


def test_a_release_that_is_not_there_cannot_become_current(source: Path) -> None:
    one = deployment(source)
    with pytest.raises(CommandFailed):
        SwitchStep(one).do(Said())


def test_pruning_keeps_the_newest_the_current_and_the_one_before(source: Path) -> None:
    releases = []
    for number in range(6):
        releases.append(made(source, change(source, f"version {number}")))
        mark = folder(releases[-1]) / ".release.json"
        os.utime(mark, (1_700_000_000 + number, 1_700_000_000 + number))
    last, first = releases[5], releases[0]
    SwitchStep(last).do(Said())
    last.previous = first.release
    assert set(prune(last, keep=2)["removed"]) == {one.release for one in releases[1:4]}
    assert folder(first).exists() and folder(releases[4]).exists() and not folder(releases[1]).exists()
    assert prune(last, keep=2) == {"removed": []}


def test_an_environment_that_cannot_be_made_is_never_taken_for_whole(source: Path) -> None:
    (source / "requirements.txt").write_text("")
    git(source, "add", ".")
    change(source, "with requirements")
    tools = source.parent / "tools"
    tools.mkdir()
    for name, body in (("uv", "exit 1"), ("python", 'case "$*" in *venv*) exit 1 ;; *) echo 3 ;; esac')):
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    one = deployment(source, requirements="requirements.txt")
    one.environment = one.environment.model_copy(update={"path": (str(tools),), "python": str(tools / "python")})
    one.site = Site(one.environment)
    with pytest.raises(CommandFailed):
        ReleaseStep(one).do(Said())
    assert not list(source.parent.glob("root/venvs/*/.complete"))


def test_a_repository_that_cannot_be_cloned_is_said_so(source: Path) -> None:
    one = deployment(source)
    shutil.rmtree(source)
    with pytest.raises(CommandFailed, match=r"does not exist|not a git repository|not found"):
        ReleaseStep(one).do(Said())


def test_a_virtual_environment_is_shared_by_equal_requirements(source: Path) -> None:
    (source / "requirements.txt").write_text("")
    git(source, "add", ".")
    first = made(source, change(source, "with requirements"), requirements="requirements.txt")
    second = made(source, change(source, "again"), requirements="requirements.txt")
    assert (folder(first) / ".venv").resolve() == (folder(second) / ".venv").resolve()
    (folder(first) / ".venv/.complete").unlink()
    assert not ReleaseStep(first).done()
