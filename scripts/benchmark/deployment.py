"""A whole deployment, beside the work in it that anybody would have to do.

Work is, exactly: the processes that make the dump and sum up its files (`pg_dump`, `sha256sum`), the statements that
compute checksums for the receipt, `pg_restore`, making the release's virtual environment with pip and the build
commands of the application, its test runs and dry runs, and its load commands. What of these runs at the same time
counts once. All the rest of the wall time is ours: Python and its imports, lock, journal and report, fetching and
unpacking the commit, migrations, and every question of the checklist that runs no test.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.session import outcome
from scripts.benchmark.figures import Figure, Pair
from scripts.benchmark.place import Broken, Place
from scripts.benchmark.spans import Span, covered, of
from scripts.benchmark.watched import CHECKS, OTHER

AIM = 1.05
WORK = ("dump", "checksums", "restore", "pip", "tests", "load")
STATEMENTS = "statements"
HOW = (
    "the whole command `invoke deploy.local`, first release into an empty sandbox (which runs already), beside the work"
    " in it: processes of dump, restore, pip, build, tests, dry runs and load, and the checksum SQL, as noted by the"
    " site while they ran; what overlaps counts once. Ours / bare less one is the overhead: {overhead:.1f} % of the"
    " work, in the median. Of what was not work, each part is without what ran beside those above it."
)


def measure(place: Place, runs: int) -> list[Figure]:
    parts: dict[str, list[float]] = {}
    pairs = [_pair(place, parts) for _ in range(runs)]
    figure = Figure("deploy.local", "", pairs, AIM, parts)
    overhead = 100 * (figure.ratio.middle - 1)
    return [Figure(figure.name, HOW.format(overhead=overhead), pairs, AIM, parts)]


def _pair(place: Place, parts: dict[str, list[float]]) -> Pair:
    place.fresh()
    out = place.folder / "spans.json"
    began = time.monotonic()
    place.python("-m", "scripts.benchmark.watched", str(out), "deploy.local")
    wall = time.monotonic() - began
    _succeeded(place)
    for name, seconds in shares(_read(out), wall).items():
        parts.setdefault(name, []).append(seconds)
    return Pair(wall, covered(of(_read(out), *WORK)))


def _read(path: Path) -> list[Span]:
    return [Span(*span) for span in json.loads(path.read_text())]


def _succeeded(place: Place) -> None:
    """A deployment that ended otherwise has done other work."""
    ends = [outcome(journal) for journal in place.session().archive.journals()]
    if ends != ["succeeded"]:
        raise Broken(f"the deployment did not succeed: {ends}")


def shares(spans: Sequence[Span], wall: float) -> dict[str, float]:
    """The wall time by what it went into: each kind of work, then what is not work, each without those before it."""
    found = {f"work: {kind}": covered(of(spans, kind)) for kind in WORK}
    kinds, before = list(WORK), covered(of(spans, *WORK))
    for kind in (CHECKS, OTHER, STATEMENTS):
        kinds.append(kind)
        reached = covered(of(spans, *kinds))
        found[f"not work: {kind}"] = reached - before
        before = reached
    return {**found, "not work: ours alone, start-up included": wall - before}
