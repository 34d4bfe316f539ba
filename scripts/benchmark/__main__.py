"""The command line of scripts/bench."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.errors import DeployError
from deploy.secret import mask
from scripts.benchmark import backup, deployment, figures, prereqs
from scripts.benchmark.figures import Figure
from scripts.benchmark.peers import PEERS
from scripts.benchmark.place import Broken, Place, temporary

Measure = Callable[[argparse.Namespace, int], list[Figure]]


@dataclass(frozen=True)
class Part:
    """One part of what is measured, with so many pairs; `asked` ones are measured only when they are named."""

    measure: Measure
    runs: int
    asked: bool = False


def sandboxed(measure: Callable[[Place, int], list[Figure]]) -> Measure:
    """In a sandbox of its own."""

    def measured(wanted: argparse.Namespace, runs: int) -> list[Figure]:
        with temporary() as place:
            return measure(place, runs)

    return measured


def on_hosts(wanted: argparse.Namespace, runs: int) -> list[Figure]:
    from scripts.benchmark import fleet  # with what it needs of the tests

    return fleet.measure(runs, wanted.hosts, wanted.peers)


def on_stack(wanted: argparse.Namespace, runs: int) -> list[Figure]:
    from scripts.benchmark import stack

    return stack.measure(runs)


def over_a_week(wanted: argparse.Namespace, runs: int) -> list[Figure]:
    from scripts.benchmark import week

    with temporary() as place:
        return week.measure(place, runs, wanted.rows, wanted.gigabytes)


PARTS: dict[str, Part] = {
    "prereqs": Part(sandboxed(prereqs.measure), 11),
    "deploy": Part(sandboxed(deployment.measure), 3),
    "backup": Part(sandboxed(backup.measure), 5),
    "fleet": Part(on_hosts, 3, asked=True),
    "stack": Part(on_stack, 3, asked=True),
    "week": Part(over_a_week, 3, asked=True),
}
ABOUT = """\
parts:
  prereqs, deploy, backup   in a sandbox of their own (these are the default)
  fleet                     checks over SSH on many hosts beside other tools, and a release beside rsync: needs root,
                            installs those tools into a virtual environment, and takes half an hour
  stack                     the Tiki pipeline's checks beside `docker exec` and `psql` by hand; the environment
                            `compose` must be deployed (`invoke deploy.compose`)
  week                      the 7-day validation beside its SQL in `psql`, and the logs beside `grep -cE`: makes 10
                            million rows and 2 GB of logs in a sandbox of its own, and takes half an hour
"""
EXPLAINED = """\
Median (smallest to largest). Ours and bare took turns, and a ratio is that of one pair: quote ratios, never seconds.
Sandboxes and hosts were fresh, in temporary folders; databases were at their size before the first pair.
"""


def main(words: Sequence[str]) -> int:
    """Exit 0 when everything could be measured and all answers were equal, whether aims are held or missed."""
    wanted = arguments(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C does: what was made is removed
    try:
        measured = [figure for name in wanted.parts for figure in alone(name, wanted)]
    except (Broken, DeployError) as error:
        sys.stderr.write(f"{mask(str(error))}\n")
        return 1
    sys.stdout.write(report(measured, wanted.format) + "\n")
    return 0


def arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "scripts/bench",
        description="Measure the toolkit beside the same work done bare.",
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    usual = [name for name, part in PARTS.items() if not part.asked]
    parser.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)} (default: {', '.join(usual)})")
    parser.add_argument("-n", "--runs", type=int, help="pairs for each figure (default: as many as each part needs)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument(
        "--hosts", type=numbers, default=(1, 10, 50, 200), help="fleet: how many (default: 1,10,50,200)"
    )
    parser.add_argument("--peers", type=tools, default=tuple(PEERS), help=f"fleet: beside which of {', '.join(PEERS)}")
    parser.add_argument("--rows", type=int, default=10_000_000, help="week: rows in the database (default: 10000000)")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="week: size of the logs (default: 2)")
    wanted = parser.parse_args(words)
    wanted.parts = wanted.parts or usual
    if unknown := [name for name in wanted.parts if name not in PARTS]:
        parser.error(f"no part {unknown[0]!r}: there are {', '.join(PARTS)}")
    if wanted.runs is not None and wanted.runs < 1:
        parser.error("-n: at least one run")
    if wanted.rows < 1000 or not 0 < wanted.gigabytes < 1000:
        parser.error("--rows: at least 1000; --gigabytes: more than none")
    return wanted


def numbers(text: str) -> tuple[int, ...]:
    """Numbers of hosts, from 1 to 249: a fleet has no more addresses."""
    found = tuple(map(int, text.split(",")))
    if not all(0 < number < 250 for number in found):
        raise argparse.ArgumentTypeError("1 to 249 hosts")
    return found


def tools(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in PEERS]:
        raise argparse.ArgumentTypeError(f"no {unknown[0]!r}: there are {', '.join(PEERS)}")
    return names


def alone(name: str, wanted: argparse.Namespace) -> list[Figure]:
    """One part by itself."""
    sys.stderr.write(f"measuring {name} ...\n")
    return PARTS[name].measure(wanted, wanted.runs or PARTS[name].runs)


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
