"""A commit on its way to a host: only what is new travels, all of it is proven, and half of it is nothing."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy import folders
from deploy.channels.git import mirror
from deploy.channels.transport import ASKED, Deadline, Ended, Local, Mode, Receive
from deploy.deployment import Deployment
from deploy.errors import CommandFailed, StepFailed
from deploy.site import Site
from deploy.steps.deliver import by_hand, deliver
from deploy.steps.release import ReleaseStep
from deploy.system import Environment, System
from tests.backups.world import Said
from tests.steps.test_release import git

pytestmark = pytest.mark.live  # real processes, and a shell that not every machine has

TOOLS = (
    "cp sh tar gzip find sort comm sed grep head cat cut sha256sum xargs chmod mkdir rm mv ls readlink dd printf date"
)
ODD = {
    "two words ": "x",
    "-rf": "x",
    "new\nline": "x",
    "-": "",
    "ünï – 文": "x",
    'it\'s $HOME `id` "*"': "x",
    "back\\slash\\n": "x",
    "a: OK": "x",
    "deep/" * 30 + "file": "x",
    ".hidden/.file": "x",
    "tab\there": "x",
}


class Host(Local):
    """This machine as a host: what was run is counted, its tools may be chosen, the connection may break."""

    def __init__(self, path: str = "") -> None:
        self.path, self.scripts, self.breaks_after = path, 0, -1

    def run(self, script: str, receive: Receive, deadline: Deadline, mode: Mode = ASKED) -> Ended:
        self.scripts += 1
        if self.path:
            script = f"{{\nPATH={self.path}\nexport PATH\n{script}}}\n"
        if mode.payload:
            mode = replace(mode, payload=replace(mode.payload, chunks=self.breaking(mode.payload.chunks)))
        return super().run(script, receive, deadline, mode)

    def breaking(self, chunks: Any) -> Iterator[bytes]:
        for chunk in chunks:
            if self.breaks_after >= 0:
                yield chunk[: self.breaks_after]
                raise ConnectionError("the connection was lost")
            yield chunk


class World:
    """A repository to deploy from, and a host to deploy to."""

    def __init__(self, folder: Path) -> None:
        self.source, self.root, self.host = folder / "source", folder / "root", Host()
        self.unchanged = "copy"
        self.source.mkdir()
        git(self.source, "init", "-q", "-b", "main")
        self.write({"a file": "one\n", "run.sh": "#!/bin/sh\n"})
        (self.source / "run.sh").chmod(0o755)
        (self.source / "link").symlink_to("a file")

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            (self.source / name).write_text(text)

    def deployment(self) -> Deployment:
        git(self.source, "add", "-A")
        git(self.source, "commit", "-qm", "more", "--allow-empty")
        environment = Environment(name="test", root=str(self.root), repository=str(self.source))
        named = {"name": "s", "title": "S", "folder": self.source, "flow": ["prereqs"]}
        system = System.model_validate({**named, "release": {"unchanged": self.unchanged}})
        site = Site(environment)
        site.reach.transport = lambda host: self.host  # type: ignore[method-assign]
        return Deployment("d", system, environment, site, "main", git(self.source, "rev-parse", "HEAD"), None)

    def release(self) -> tuple[Path, int]:
        """A whole release of what is in the working copy, and how many bytes were sent."""
        one = self.deployment()
        facts = ReleaseStep(one).do(Said())
        assert ReleaseStep(one).done()
        return Path(facts["folder"]), facts["sent"]

    def releases(self) -> list[str]:
        return sorted(path.name for path in (self.root / "releases").glob("*"))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(folders, "PROJECT", tmp_path / "project")
    return World(tmp_path)


def tools(folder: Path, names: str, busybox: bool = False, **instead: str) -> str:
    """A PATH of these tools alone, some of them replaced by scripts."""
    folder.mkdir()
    for name in names.split():
        (folder / name).symlink_to(str(shutil.which("busybox" if busybox else name)))
    for name, text in instead.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def same(release: Path, source: Path) -> None:
    """All that git has is there, as it is, and nothing else but our own."""
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=source).decode().split("\0")[:-1]
    found = {str(path.relative_to(release)) for path in release.rglob("*") if path.is_symlink() or path.is_file()}
    assert found == {*names, ".release.json", ".release.sha256"}
    for name in names:
        ours, theirs = release / name, source / name
        assert ours.is_symlink() == theirs.is_symlink()
        if ours.is_symlink():
            assert ours.readlink() == theirs.readlink()
        else:
            assert ours.read_bytes() == theirs.read_bytes()
            assert ours.stat().st_mode & 0o777 == (0o755 if theirs.stat().st_mode & 0o100 else 0o644)


@pytest.mark.parametrize("unchanged", ["copy", "link"])
def test_odd_names_modes_links_and_empty_files_arrive_twice_as_they_are(world: World, unchanged: str) -> None:
    world.unchanged = unchanged
    world.write(ODD)
    (world.source / "-").chmod(0o755)
    (world.source / "nowhere -> \n").symlink_to("/does not\nexist")
    same(world.release()[0], world.source)
    world.write({"new": "file"})
    same(world.release()[0], world.source)  # most of it taken from the first


@pytest.mark.parametrize("unchanged", ["copy", "link"])
def test_a_host_needs_neither_git_nor_gnu(world: World, tmp_path: Path, unchanged: str) -> None:
    world.unchanged = unchanged
    world.host.path = tools(tmp_path / "tools", TOOLS)
    assert not (tmp_path / "tools/git").exists()
    plain = TOOLS.replace("comm ", "").replace("dd ", "").replace("head ", "")
    world.release()
    world.host.path = tools(tmp_path / "busybox", plain, busybox=True) + ":" + world.host.path
    world.write({"b": "two words", "run.sh": "#!/bin/sh\nexit\n"})
    same(world.release()[0], world.source)


def test_only_what_is_new_travels_and_many_files_take_no_more_commands_than_one(world: World) -> None:
    world.release()
    few = world.host.scripts
    world.write({f"folder/{number}": random.Random(number).randbytes(500).hex() for number in range(2000)})
    first, all_of_it = world.release()
    world.write({"folder/7": "changed"})
    (world.source / "folder/8").chmod(0o755)
    second, change = world.release()
    assert change < all_of_it / 8  # most of it is the manifest
    assert world.host.scripts <= 3 * few
    same(second, world.source)
    assert (first / "folder/9").stat().st_ino != (second / "folder/9").stat().st_ino  # what is done to one


def test_what_is_unchanged_may_be_linked_and_an_older_release_stays_as_it_is(world: World) -> None:
    world.unchanged = "link"
    world.write({"plain": "x", "bare.sh": "y", "both.sh": "z"})
    (world.source / "both.sh").chmod(0o755)
    first, _ = world.release()
    before = {path.name: path.stat() for path in first.iterdir() if path.is_file() and not path.is_symlink()}
    (world.source / "bare.sh").chmod(0o755)
    world.write({"both.sh": "other"})
    second, _ = world.release()
    same(second, world.source)
    shared = {path.name for path in map(first.joinpath, before) if path.samefile(second / path.name)}
    assert shared == {"a file", "run.sh", "plain"}
    after = {name: (first / name).stat() for name in before}
    assert {name: stat.st_mode for name, stat in after.items()} == {n: stat.st_mode for n, stat in before.items()}
    assert (first / "both.sh").read_text() == "z"


def test_a_host_that_cannot_link_says_so_and_nothing_gets_the_name(world: World, tmp_path: Path) -> None:
    world.release()
    world.unchanged = "link"
    world.host.path = tools(tmp_path / "tools", TOOLS, cp="echo 'cp: Operation not permitted' >&2\nexit 1")
    world.write({"b": "new"})
    with pytest.raises(CommandFailed, match="Operation not permitted"):
        world.release()
    assert len([name for name in world.releases() if not name.startswith(".")]) == 1


def test_what_was_changed_on_the_host_is_not_taken_from_there(world: World) -> None:
    first, _ = world.release()
    (first / "a file").write_text("by hand")
    (first / "run.sh").unlink()
    (first / "link").unlink()
    world.write({"b": "new"})
    same(world.release()[0], world.source)


def test_a_newest_release_without_its_sums_is_no_obstacle(world: World) -> None:
    first, _ = world.release()
    (first / ".release.sha256").unlink()
    world.write({"b": "new"})
    same(world.release()[0], world.source)


def test_attributes_of_the_archive_are_obeyed(world: World) -> None:
    world.write(
        {".gitattributes": "secret export-ignore\nversion export-subst\n", "secret": "x", "version": "$Format:%H$"}
    )
    release, _ = world.release()
    assert not (release / "secret").exists()
    assert (release / "version").read_text() == git(world.source, "rev-parse", "HEAD")


def test_submodules_are_refused(world: World) -> None:
    git(world.source, "update-index", "--add", "--cacheinfo", f"160000,{'a' * 40},vendor/part")
    git(world.source, "commit", "-qm", "with a part")
    one = world.deployment()
    one.commit = git(world.source, "rev-parse", "HEAD~1")
    with pytest.raises(StepFailed, match="submodules \\(vendor/part\\)"):
        deliver(one, Said())
    assert world.releases() == []


@pytest.mark.parametrize("after", [0, 300, 20_000])
def test_a_lost_connection_leaves_the_partial_folder_alone_and_can_be_repeated(world: World, after: int) -> None:
    world.write({f"{number}": f"{hash(str(number))}" * 20 for number in range(500)})
    one = world.deployment()
    world.host.breaks_after = after
    with pytest.raises(ConnectionError):
        deliver(one, Said())
    assert world.releases() in ([], [f".{one.release}.partial"])
    world.host.breaks_after = -1
    ReleaseStep(one).do(Said())
    same(Path(ReleaseStep(one).folder), world.source)
    assert world.releases() == [one.release]


DAMAGE = {
    "echo x >>'a file'": "a file: FAILED",
    "rm 'a file'": "missing: - ./a file",
    "touch extra": "not of the commit: - ./extra",
    "chmod -x run.sh": "missing: x ./run.sh",
    "ln -sfn /etc link": "not of the commit: l ./link -> /etc",
    "rm link; echo one >link": "missing: l ./link",
    "mkfifo pipe": "not of the commit: ? ./pipe",
    "echo >../sums": "send it again",
    "rm ../listing": "send it again",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_differs_from_the_commit_never_gets_the_name(world: World, tmp_path: Path, damage: str) -> None:
    later = f"[ ! -d ../tree ] || {{ {damage}; }}"
    world.host.path = tools(
        tmp_path / "tools", f"{TOOLS} mkfifo touch ln", xargs=f'{shutil.which("xargs")} "$@"; {later}'
    )
    one = world.deployment()
    with pytest.raises(CommandFailed) as caught:
        deliver(one, Said())
    assert DAMAGE[damage] in str(caught.value)
    assert world.releases() == [f".{one.release}.partial"]


def test_a_full_disk_is_said_and_nothing_gets_the_name(world: World, tmp_path: Path) -> None:
    world.host.path = tools(tmp_path / "tools", TOOLS, tar="cat >/dev/full")
    one = world.deployment()
    with pytest.raises(CommandFailed, match="No space left on device"):
        deliver(one, Said())
    assert world.releases() == [f".{one.release}.partial"]


def test_the_mirror_knows_branches_tags_and_commits(world: World) -> None:
    first = world.deployment().commit
    git(world.source, "tag", "-a", "v1", "-m", "one")
    second = world.deployment().commit
    source = mirror(str(world.source))
    source.fetch()
    assert [source.commit(ref) for ref in ("v1", "main", first[:9], "no-such", "-x")] == [
        first,
        second,
        first,
        None,
        None,
    ]
    git(world.source, "branch", "later", "v1")
    source.fetch()
    assert source.refs() == ["later", "main", "v1"]
    assert source.folder.parent == folders.PROJECT / ".local/mirrors"


def test_the_plan_sends_to_each_host_from_here(world: World) -> None:
    one = world.deployment()
    one.site = Site(one.environment.model_copy(update={"hosts": {"app": ("h1", "deploy@h2:2222")}}))
    command = by_hand(one)
    assert command.note == "the files of the commit, sent from this machine"
    assert [line for line in command.text.splitlines() if "ssh" in line] == [
        'gzip -1 <"$archive" | ssh h1 \'set -eu',
        'gzip -1 <"$archive" | ssh -p 2222 deploy@h2 \'set -eu',
    ]
