"""The repository, mirrored on the operator's machine: hosts need neither git nor the right to read it."""

from __future__ import annotations

import fcntl
import hashlib
import re
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deploy import folders
from deploy.channels.change import execute
from deploy.channels.transport import Local
from deploy.command import Completed, Run
from deploy.errors import StepFailed

NOTE = "read the repository"  # not by its URL, which may hold a password
NEVER_ASK = {"GIT_TERMINAL_PROMPT": "0"}
# What a commit's files are must not depend on who deploys it.
PLAIN = ("-c", "core.autocrlf=false", "-c", "core.attributesFile=/dev/null", "-c", "core.quotePath=false")
LINE = re.compile(r"(?P<mode>\d{6}) (?P<kind>\w+) (?P<id>[0-9a-f]+)\t(?P<path>.*)", re.DOTALL)
SUBMODULE = "160000"


@dataclass(frozen=True)
class Entry:
    """What a commit has at a path: git's mode (`100644`, `100755`, `120000`) and the id of the content."""

    mode: str
    id: str


@dataclass(frozen=True)
class Mirror:
    """All branches, tags and commits of a repository, in a folder of this machine."""

    repository: str
    folder: Path
    path: tuple[str, ...] = ()

    def fetch(self) -> None:
        """Bring it up to date; made at first. Raises CommandFailed when the repository cannot be read."""
        with self._alone():
            if (self.folder / "HEAD").exists():
                self._git("remote", "set-url", "origin", self.repository)
                self._git("fetch", "-q", "--prune", "origin", "+refs/*:refs/*", note=NOTE)
                return
            new = self.folder.with_suffix(".partial")
            execute(Run(("rm", "-rf", "--", str(new))), Local())
            clone = ("git", "clone", "-q", "--mirror", "--", self.repository, str(new))
            execute(Run(clone, env=NEVER_ASK, timeout=1800, note=NOTE), Local(), self.path)
            new.rename(self.folder)

    def need(self, commit: str) -> None:
        """Fetch, unless the commit is there already."""
        there = (self.folder / "HEAD").exists()
        if not there or self._git("cat-file", "-e", f"{commit}^{{commit}}", exits={0, 1, 128}).exit:
            self.fetch()

    def commit(self, ref: str) -> str | None:
        """The commit that a branch, tag or abbreviated id means; None for none."""
        asked = ("rev-parse", "--verify", "-q", "--end-of-options", f"{ref}^{{commit}}")
        return self._git(*asked, exits={0, 1, 128}).out.strip() or None

    def refs(self) -> list[str]:
        """The names of its branches and tags."""
        return sorted(self._git("for-each-ref", "--format=%(refname:short)").out.split())

    def entries(self, commit: str) -> dict[str, Entry]:
        """What the commit has, by path. StepFailed for submodules: their files are in another repository."""
        told = self._git("ls-tree", "-r", "-z", "--full-tree", commit).out
        found = [match for line in told.split("\0") if (match := LINE.fullmatch(line))]
        modules = [match["path"] for match in found if match["mode"] == SUBMODULE]
        if modules:
            raise StepFailed(
                f"Commit {commit[:12]} has submodules ({', '.join(modules[:5])}), which a release cannot carry. "
                "Commit their files, or install them as packages."
            )
        return {match["path"]: Entry(match["mode"], match["id"]) for match in found}

    @contextmanager
    def archive(self, commit: str) -> Iterator[tarfile.TarFile]:
        """The files of a commit as `git archive` gives them: export-ignore and export-subst are obeyed."""
        with tempfile.TemporaryDirectory(prefix="release-") as folder:
            place = f"{folder}/archive.tar"  # not by a pipe, which would hide that git failed half-way
            self._git(*PLAIN, "archive", "--format=tar", f"--output={place}", commit, note=f"git archive {commit[:12]}")
            with tarfile.open(place, errors="surrogateescape") as archive:
                yield archive

    def _git(self, *words: str, exits: set[int] | None = None, note: str = "") -> Completed:
        argv = ("git", f"--git-dir={self.folder}", *words)
        return execute(Run(argv, exits=frozenset(exits or {0}), env=NEVER_ASK, note=note), Local(), self.path)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time, of whatever process or thread."""
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def mirror(repository: str, path: tuple[str, ...] = ()) -> Mirror:
    """The mirror of a repository, by its URL; made when it is first fetched."""
    name = PurePosixPath(repository.rstrip("/").rpartition(":")[2]).name.removesuffix(".git") or "repository"
    folder = f"{name}-{hashlib.sha256(repository.encode()).hexdigest()[:8]}.git"
    return Mirror(repository, folders.state() / "mirrors" / folder, path)


def advertised(repository: str, ref: str, path: tuple[str, ...] = ()) -> str | None:
    """The commit that a branch or tag means, asked of the repository itself; None for none. Nothing is fetched."""
    argv = ("git", "ls-remote", "--", repository, f"{ref}^{{}}", ref)
    told = execute(Run(argv, env=NEVER_ASK, timeout=60, note=NOTE), Local(), path).out.splitlines()
    tags = [line for line in told if line.endswith("^{}")]  # what an annotated tag is of, not the tag itself
    return (tags or told)[0].split()[0] if told else None
