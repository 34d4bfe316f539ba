"""The practice Tiki pipeline as a git repository with a history to deploy: `make_repository(path)`.

Made as the practice engine's is: `template/` is the first release, each folder under `changes/` a commit. Each commit
carries MANIFEST.sha256, the hashes of its files with line endings normalised.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import deploy.sandbox.extraction_engine.history as shared
from deploy.sandbox.extraction_engine.history import Commit, Tree

HERE = Path(__file__).parent
AUTHOR = b"Tiki Pipeline <pipeline@tiki-pipeline.example>"
MANIFEST = "MANIFEST.sha256"

BRANCHES = {
    "broken/dag-import-error": "the optimised DAG imports a module that does not exist",
    "broken/loads-nothing": "the load task ends green and tells of rows, and nothing is committed",
    "broken/worker-unhealthy": "the worker's health check asks for a name that no worker has",
    "broken/missing-column": "the index migration names a column that does not exist",
    "broken/slow-crawl": "the crawl runs at a third of the pace that its variables ask for",
}


def commits() -> list[Commit]:
    """The whole history: two releases on main, then each branch on top of the second."""
    first = shared.files(HERE / "template")
    message, second = change(first, "second-release")
    releases = [
        _commit(1, "main", None, "First release of the pipeline", first),
        _commit(2, "main", 1, message, second),
    ]
    return releases + [
        _commit(mark, branch, 2, *change(second, branch)) for mark, branch in enumerate(BRANCHES, start=3)
    ]


def _commit(mark: int, branch: str, parent: int | None, message: str, tree: Tree) -> Commit:
    return Commit(mark, branch, parent, message, {**tree, MANIFEST: manifest(tree)}, AUTHOR)


def manifest(tree: Tree) -> bytes:
    """A line `sha256  path` for each file, as sha256sum writes it; CRLF counts as LF."""
    lines = [f"{normalised_hash(content)}  {name}\n" for name, content in sorted(tree.items())]
    return "".join(lines).encode()


def normalised_hash(content: bytes) -> str:
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def change(tree: Tree, name: str) -> tuple[str, Tree]:
    """What the author of a change says about it, and `tree` with its files added and its edits made."""
    return shared.change(tree, name, HERE)


def make_repository(path: Path) -> None:
    """Makes `path` a bare git repository with the history, to clone from; nothing when it is so already.

    Tags: `v1`, `v2`. Branches: `main` (= v2) and BRANCHES. A repository of another template is kept beside the new one.
    """
    shared.build(path, shared.sources(HERE, __file__), commits)
