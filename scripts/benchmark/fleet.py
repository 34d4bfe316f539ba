"""20 read-only checks on hosts over SSH: ours beside other tools, whole processes, start-up included.

The hosts are sshd in namespaces of their own on this machine: all of it shares its cores, as do ours and theirs.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.channels.transport import local_environment
from deploy.folders import PROJECT
from scripts.benchmark import peers, transfer
from scripts.benchmark.asked import CHECKS, Answers, Asked, differences
from scripts.benchmark.figures import Figure, Pair
from scripts.benchmark.peers import PEERS, Call, Peer
from scripts.benchmark.place import Broken
from tests.ssh.world import Fleet

AIMED = 50  # hosts, for which the aims are
AGAIN, ONE = 1.2, 1.3
HOW = "20 checks on {size} hosts, whole processes, answers equal, beside {title}."
OPENSSH = "the same over the transport `openssh`, beside our own over `fabric`."
SECOND = (
    "the same questions asked again on open connections ({transport}), beside `ssh` through warm master connections."
)
SINGLE = "the whole process on one host, beside `ssh host sh <script`."
APART = {
    "interpreter": "the same, without what `python -c pass` took.",
    "start-up": "the same, from when Python and its imports are there: connecting, asking, and reading the answers.",
}
IMPORTS = "import scripts.benchmark.ours, deploy.channels.connections, deploy.channels.ssh"
Called = Callable[[Asked, Path], Call]


@dataclass(frozen=True)
class Taken:
    """One run: wall seconds, the CPU seconds of its processes, and what ours told of itself."""

    wall: float
    cpu: float
    told: tuple[float, ...] = ()


@dataclass
class Row:
    """What becomes a figure; each pair is also told as it comes, for all of them take half an hour."""

    name: str
    how: str
    aim: float | None = None
    pairs: list[Pair] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)

    def take(self, ours: float, bare: float, **parts: float) -> None:
        self.pairs.append(Pair(ours, bare))
        sys.stderr.write(f"  {self.name}: {ours:.2f} s / {bare:.2f} s = {ours / bare:.2f}\n")
        for name, seconds in parts.items():
            self.parts.setdefault(name.replace("_", " "), []).append(seconds)


def measure(runs: int, sizes: Sequence[int], names: Sequence[str]) -> list[Figure]:
    """Figures for each number of hosts, in turns; then a release on its way to one of them."""
    chosen = [PEERS[name] for name in names]
    if os.geteuid() != 0:
        raise Broken("hosts in namespaces of their own need root")
    if any(peer.venv for peer in chosen):
        peers.install()
    rows: dict[str, Row] = {}
    with started(max(sizes)) as bench:
        bench.agree(chosen)
        for number in range(runs):
            for size in sizes:
                sys.stderr.write(f"round {number + 1} of {runs}: {size} hosts ...\n")
                bench.round(rows, size, [p for p in chosen if size <= p.most and (number == 0 or size < p.once)])
        figures = [Figure(row.name, row.how, row.pairs, row.aim, row.parts) for row in rows.values()]
        return [*figures, *transfer.measure(bench.fleet, bench.folder, runs)]


def row_of(rows: dict[str, Row], name: str, how: str, aim: float | None = None) -> Row:
    """The row of this name, made when it is first needed."""
    return rows.setdefault(name, Row(name, how, aim))


@contextmanager
def started(size: int) -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    sys.stderr.write(f"starting {size} hosts ...\n")
    try:
        with Fleet(size) as fleet:
            yield Bench(fleet, folder)
    finally:
        shutil.rmtree(folder)


class Bench:
    """Hosts, and the ways to ask them."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self.fleet, self.folder = fleet, folder
        self.wanted: Answers = {}
        asked, path = self.asked(len(fleet.hosts))
        self.run(peers.PEERS["openssh"].call(asked, path))
        self.wanted = asked.answers()

    def asked(self, size: int) -> tuple[Asked, Path]:
        """The checks for so many hosts, in a fresh folder, and the file that tells them."""
        out, path = self.folder / "out", self.folder / "asked"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        fleet = self.fleet
        names = [host.name for host in fleet.hosts[:size]]
        asked = Asked(names, CHECKS, str(fleet.config), str(fleet.known_hosts), str(fleet.key), str(out))
        asked.write(path)
        return asked, path

    def agree(self, chosen: Sequence[Peer]) -> None:
        """Every way is tried once on two hosts, untimed: files are compiled and cached, and answers are equal."""
        for call in (peers.ours("fabric"), peers.ours("openssh"), *(peer.call for peer in chosen)):
            self.take(call, min(2, len(self.fleet.hosts)))

    def round(self, rows: dict[str, Row], size: int, chosen: Sequence[Peer]) -> None:
        """Each way once, and ours directly before it."""
        for peer in chosen:
            how, aim = HOW.format(size=size, title=peer.title), peer.aim if size == AIMED else None
            row = row_of(rows, f"{size} hosts: {peer.name}", how, aim)
            self.pair(row, self.take(peers.ours("fabric"), size), self.take(peer.call, size))
        row = row_of(rows, f"{size} hosts: our openssh", OPENSSH)
        self.pair(row, self.take(peers.ours("openssh"), size), self.take(peers.ours("fabric"), size))
        self.again(rows, size)
        if size == 1:
            self.single(rows)

    def pair(self, row: Row, ours: Taken, bare: Taken) -> None:
        row.take(ours.wall, bare.wall, client_CPU_of_ours=ours.cpu, client_CPU_beside=bare.cpu)

    def again(self, rows: dict[str, Row], size: int) -> None:
        """A second batch, beside master connections that are open; these are opened untimed."""
        for transport in ("fabric", "openssh"):
            how, aim = SECOND.format(transport=transport), AGAIN if size == AIMED else None
            row = row_of(rows, f"{size} hosts: again, {transport}", how, aim)
            first, second, *_ = self.take(peers.ours(transport, 2), size).told
            with self.masters(size):
                bare = self.take(peers.warm, size)
            row.take(second, bare.wall, our_first_batch=first, client_CPU_beside=bare.cpu)

    def single(self, rows: dict[str, Row]) -> None:
        ours, bare = self.take(peers.ours("fabric"), 1), self.take(peers.one, 1)
        python = [self.run(Call([sys.executable, "-c", code])).wall for code in ("pass", IMPORTS)]
        self.pair(row_of(rows, "one host, whole", SINGLE), ours, bare)
        for (name, how), apart in zip(APART.items(), python, strict=True):
            row = row_of(rows, f"one host, {name} apart", how, ONE)
            row.take(ours.wall - apart, bare.wall, taken_apart=apart)

    @contextmanager
    def masters(self, size: int) -> Iterator[None]:
        asked, path = self.asked(size)
        options = peers.control(path)
        for host in asked.hosts:
            self.run(
                Call(peers.ssh(asked, host, *options, "-o", "ControlMaster=yes", "-o", "ControlPersist=60", "-fN"))
            )
        try:
            yield
        finally:
            for host in asked.hosts:
                self.run(Call(peers.ssh(asked, host, *options, "-O", "exit")))

    def take(self, way: Called, size: int) -> Taken:
        """Ask one way; Broken when an answer differs."""
        asked, path = self.asked(size)
        call = way(asked, path)
        taken = self.run(call)
        wrong = differences(asked.answers(), {host: self.wanted[host] for host in asked.hosts})
        if wrong:
            raise Broken(f"answers differ by {' '.join(call.argv)[:200]}:\n" + "\n".join(wrong[:10]))
        self.hang_up()
        seconds = path.with_name("seconds")
        told = tuple(map(float, seconds.read_text().split())) if seconds.exists() else ()
        seconds.unlink(missing_ok=True)
        return Taken(taken.wall, taken.cpu, told)

    def hang_up(self) -> None:
        """End the master connections that Ansible leaves behind for a minute: the next run begins cold."""
        for socket in (self.folder / "cp").glob("*"):
            self.run(Call(["ssh", "-S", str(socket), "-O", "exit", "none"]))

    def run(self, call: Call) -> Taken:
        env = {**local_environment(os.environ), **call.env}
        before, began = cpu(), time.monotonic()
        with (self.folder / "said").open("w+") as said:  # a file: masters that stay would hold a pipe open
            done = subprocess.run(
                call.argv, env=env, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
            )
            wall = time.monotonic() - began
            if done.returncode != 0:
                said.seek(0)
                raise Broken(f"{' '.join(call.argv)[:200]} exited {done.returncode}:\n{said.read()[-2000:]}")
        return Taken(wall, cpu() - before)


def cpu() -> float:
    """CPU seconds of the processes that we have started and that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
