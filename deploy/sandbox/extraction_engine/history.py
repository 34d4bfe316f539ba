"""The practice engine as a git repository with a history to deploy: `make_repository(path)`.

`template/` is the first release. Each folder under `changes/` is a commit: the files in it are added, and `edits.yaml`
lists replacements `{path, old, new}` in files that are there. Authors and dates are fixed: the same template gives
the same commit ids everywhere.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import DeployError

HERE = Path(__file__).parent
AUTHOR = b"Edinburgh Venues <engine@venues.example>"
FIRST_COMMIT = 1_769_072_400  # 2026-01-22 09:00 UTC; each further commit an hour later
LEFTOVERS = {"__pycache__", ".pytest_cache", ".ruff_cache", ".coverage", "data", "logs"}
NOT_IN_GIT = LEFTOVERS | {"generated_client.py", "sources.yaml"}
FINGERPRINT = "practice-fingerprint"
# Shaped like a key, and put together here, so that no scanner finds one in this project itself.
FAKE_KEY = "-".join(["sk", "ant", "api03", hashlib.sha256(b"practice").hexdigest()])

Tree = dict[str, bytes]

BRANCHES = {
    "broken/migration-fails": "the migration has an SQL error: it names a table that does not exist",
    "broken/migration-fails-on-data": "the migration fails on real data, where postcodes repeat, not on none",
    "broken/destructive-migration": "the migration drops a column with data; only a restore brings that back",
    "broken/health-bad": "the health dashboard says CRITICAL from 50 raw records on, and exits 0 as ever",
    "broken/quality-success": "extraction by the language model fails for a quarter of the records",
    "broken/quality-nulls": "most location fields that are read from the language model's answers are lost",
    "broken/tests-fail": "one of its own tests fails",
    "broken/secret-committed": "a tracked configuration file holds an API key",
    "broken/load-crashes": "run_all crashes half-way through the load",
    "reversible-migration": "nothing is wrong: an additive and a data-changing migration, each with its down.sql",
    "concurrent-index": "nothing is wrong: a migration that is a lone CREATE INDEX CONCURRENTLY",
}


@dataclass(frozen=True)
class Commit:
    """One commit: its branch, the commit it builds on (by mark), its message and its files."""

    mark: int
    branch: str
    parent: int | None
    message: str
    tree: Tree
    author: bytes = AUTHOR

    def stream(self) -> bytes:
        """The commit in the format of `git fast-import`; every file is given anew."""
        when = b"%s %d +0000" % (self.author, FIRST_COMMIT + 3600 * (self.mark - 1))
        lines = [b"commit refs/heads/%s" % self.branch.encode(), b"mark :%d" % self.mark]
        lines += [b"author " + when, b"committer " + when, _data(self.message.encode())]
        lines += [b"from :%d" % self.parent, b"deleteall"] if self.parent else []
        for name, content in sorted(self.tree.items()):
            lines += [b"M 100644 inline %s" % name.encode(), _data(content)]
        return b"\n".join([*lines, b""])


def commits() -> list[Commit]:
    """The whole history: two releases on main, then each branch on top of the second."""
    first = files(HERE / "template")
    message, second = change(first, "second-release")
    releases = [
        Commit(1, "main", None, "First release of the extraction engine", first),
        Commit(2, "main", 1, message, second),
    ]
    return releases + [
        Commit(mark, branch, 2, *change(second, branch)) for mark, branch in enumerate(BRANCHES, start=3)
    ]


def files(folder: Path) -> Tree:
    """The tracked files of a folder by path, without what running the engine leaves there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not NOT_IN_GIT.intersection(inner.parts) and path.suffix != ".pyc":
            found[inner.as_posix()] = path.read_bytes()
    return found


def change(tree: Tree, name: str, home: Path = HERE) -> tuple[str, Tree]:
    """What the author of a change says about it, and `tree` with its files added and its edits made."""
    import yaml  # here: a repository that is made already needs no parser

    folder = home / "changes" / name
    changed = {**tree, **files(folder)}
    described = yaml.safe_load(changed.pop("edits.yaml"))
    for edit in described["edits"]:
        changed[edit["path"]] = replace_once(changed[edit["path"]], edit, name)
    return described["message"], changed


def replace_once(content: bytes, edit: Mapping[str, str], name: str) -> bytes:
    """`content` with `old` replaced by `new`; an `old` that is not there exactly once is a defect of the change."""
    old, new = edit["old"].encode(), edit["new"].replace("@FAKE_KEY@", FAKE_KEY).encode()
    if content.count(old) != 1:
        raise DeployError(f"changes/{name}: {edit['path']} has {content.count(old)} times {edit['old']!r}, not once")
    return content.replace(old, new)


def make_repository(path: Path) -> None:
    """Makes `path` a bare git repository with the history, to clone from; nothing when it is so already.

    Tags: `v1`, `v2`. Branches: `main` (= v2) and BRANCHES. A repository of another template is kept beside the new one.
    """
    build(path, _sources(), commits)


def build(path: Path, fingerprint: str, commits: Callable[[], Sequence[Commit]]) -> None:
    """Makes `path` a repository of these commits (the first two are v1 and v2); nothing when its mark is this one."""
    if _fingerprint(path) == fingerprint:
        return
    stream = b"".join(commit.stream() for commit in commits())
    building = path.with_name(f"{path.name}.building-{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    building.parent.mkdir(parents=True, exist_ok=True)
    _git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(building))
    _git("-C", str(building), "fast-import", "--quiet", given=stream + _tag("v1", 1) + _tag("v2", 2))
    (building / FINGERPRINT).write_text(fingerprint, encoding="ascii")
    if path.exists():
        path.rename(_free_name(path))
    building.rename(path)


def _sources() -> str:
    return sources(HERE, __file__)


def sources(home: Path, module: str) -> str:
    """A hash of all that a history is made of, its module included: it costs less than to make the history."""
    parts = {Path(name).name: Path(name).read_bytes() for name in (__file__, module)}
    parts |= {f"{name}/{file}": text for name in ("template", "changes") for file, text in files(home / name).items()}
    hashes = [f"{hashlib.sha256(text).hexdigest()} {name}\n" for name, text in sorted(parts.items())]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _fingerprint(path: Path) -> str | None:
    try:
        return (path / FINGERPRINT).read_text(encoding="ascii")
    except OSError:
        return None


def _free_name(path: Path) -> Path:
    numbers = range(1, 10_000)
    return next(name for n in numbers if not (name := path.with_name(f"{path.name}.old-{n}")).exists())


def _git(*arguments: str, given: bytes = b"") -> None:
    """Runs git with nobody's configuration."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], input=given, capture_output=True, env=environment, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise DeployError(f"git {arguments[0]} exited {done.returncode}: {said}")


def _tag(name: str, mark: int) -> bytes:
    return b"reset refs/tags/%s\nfrom :%d\n\n" % (name.encode(), mark)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s" % (len(content), content)
