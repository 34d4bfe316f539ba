"""The command line of scripts/bench."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from deploy.errors import DeployError
from deploy.secret import mask
from scripts.benchmark import backup, deployment, figures, prereqs
from scripts.benchmark.figures import Figure
from scripts.benchmark.place import Broken, Place, temporary

Measure = Callable[[Place, int], list[Figure]]
PARTS: dict[str, tuple[Measure, int]] = {
    "prereqs": (prereqs.measure, 11),
    "deploy": (deployment.measure, 3),
    "backup": (backup.measure, 5),
}
EXPLAINED = """\
Median (smallest to largest). Ours and bare took turns, and a ratio is that of one pair: quote ratios, never seconds.
Commands run in a fresh sandbox in a temporary folder; databases were at their size before the first pair.
"""


def main(words: Sequence[str]) -> int:
    """Exit 0 when everything could be measured and all answers were equal, whether aims are held or missed."""
    wanted = arguments(words)
    try:
        measured = [figure for name in wanted.parts for figure in alone(name, wanted.runs)]
    except (Broken, DeployError) as error:
        sys.stderr.write(f"{mask(str(error))}\n")
        return 1
    sys.stdout.write(report(measured, wanted.format) + "\n")
    return 0


def arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("scripts/bench", description="Measure the toolkit beside the same work done bare.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("-n", "--runs", type=int, help="pairs for each figure (default: as many as each part needs)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    wanted = parser.parse_args(words)
    wanted.parts = wanted.parts or list(PARTS)
    if unknown := [name for name in wanted.parts if name not in PARTS]:
        parser.error(f"no part {unknown[0]!r}: there are {', '.join(PARTS)}")
    if wanted.runs is not None and wanted.runs < 1:
        parser.error("-n: at least one run")
    return wanted


def alone(name: str, runs: int | None) -> list[Figure]:
    """One part in a sandbox of its own."""
    measure, usual = PARTS[name]
    sys.stderr.write(f"measuring {name} ...\n")
    with temporary() as place:
        return measure(place, runs or usual)


def report(measured: Sequence[Figure], format: str) -> str:
    about = {
        "taken": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
    }
    if format == "json":
        return figures.as_json(measured, about)
    missed = [figure.name for figure in measured if figure.verdict == "MISSED"]
    ending = f"Aims missed: {', '.join(missed)}." if missed else "Every aim is held."
    return "\n".join([", ".join(about.values()), EXPLAINED, figures.text(measured) + ending])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
