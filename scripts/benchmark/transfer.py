"""A release of many files on its way to a host: ours beside rsync."""

from __future__ import annotations

import random
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from deploy.channels.git import mirror
from deploy.deployment import Deployment
from deploy.site import Site
from deploy.steps.deliver import deliver
from deploy.system import Environment, System
from scripts.benchmark.figures import Figure, Pair
from scripts.benchmark.place import Broken, Quiet, timed
from tests.ssh.world import Fleet, Host

FILES, SIZE, CHANGED = 2_000, 10_000, 5
FIRST_AIM, NEXT_AIM = 1.3, 0.6
FIRST = (
    "a release of 2,000 files, 20 MB, to a host that has none: `git archive` of the mirrored commit, sent, unpacked and"
    " verified by checksums, beside `rsync -a` of a checkout. Both open their own connection; both trees are equal."
)
NEXT = "the next release, of which 5 files differ, beside `rsync -a --link-dest` of a fresh checkout; {what}."
WHAT = {"copy": "what is unchanged is copied on the host", "link": "what is unchanged is linked (`unchanged: link`)"}


def measure(fleet: Fleet, folder: Path, runs: int) -> list[Figure]:
    if not shutil.which("rsync"):
        sys.stderr.write("the release is not measured: there is no rsync (on Debian: apt-get install rsync)\n")
        return []
    source = Source(folder / "source", fleet)
    source.round("copy")  # once untimed
    rounds = [source.round(unchanged) for _ in range(runs) for unchanged in WHAT]
    figures = [Figure("release, first", FIRST, [first for first, _ in rounds], FIRST_AIM)]
    for number, (unchanged, what) in enumerate(WHAT.items()):
        pairs = [pair for _, pair in rounds[number :: len(WHAT)]]
        figures.append(Figure(f"release, next, {unchanged}", NEXT.format(what=what), pairs, NEXT_AIM))
    return figures


class Source:
    """A repository, and a host that its commits go to in both ways."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        self.folder, self.fleet, self.host = folder, fleet, fleet.hosts[0]
        self.unchanged = "copy"
        self.random = random.Random(1)  # noqa: S311 - the same files each time
        folder.mkdir()
        self.git("init", "-q", "-b", "main")
        self.write(range(FILES))

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
        done = subprocess.run(("git", "-C", str(self.folder), *who, *words), capture_output=True, text=True)
        if done.returncode != 0:
            raise Broken(f"git {words[0]}: {done.stderr}")
        return done.stdout.strip()

    def write(self, numbers: range) -> None:
        """Give these files other content: words, which can be compressed as source text can."""
        for number in numbers:
            path = self.folder / f"package{number % 40}" / f"module{number}.py"
            path.parent.mkdir(exist_ok=True)
            text = " ".join(f"{self.random.getrandbits(24):x} = value_{number}" for _ in range(SIZE // 18))
            path.write_text(text.ljust(SIZE)[:SIZE])
        self.git("add", "-A")
        self.git("commit", "-qm", "more")

    def round(self, unchanged: str) -> tuple[Pair, Pair]:
        """The first release and the next, both ways, on a host that has nothing."""
        self.unchanged = unchanged
        self.host.run("rm", "-rf", "/srv/app", "/srv/by-rsync")
        self.host.run("install", "-d", "-o", "deploy", "/srv/app", "/srv/by-rsync")
        first = self.pair("1")
        self.write(range(CHANGED))
        return first, self.pair("2", "--link-dest=../1")

    def pair(self, name: str, *options: str) -> Pair:
        one = self.deployment()
        ours = self.ours(one)
        checkout = self.folder.with_name("checkout")
        shutil.rmtree(checkout, ignore_errors=True)
        subprocess.run(("git", "clone", "-q", str(self.folder), str(checkout)), check=True)
        shell = f"ssh -F {shlex.quote(str(self.fleet.config))} -S none"
        target = f"{self.host.name}:/srv/by-rsync/{name}/"
        bare = timed(
            ["rsync", "-a", "--exclude=.git", *options, "-e", shell, f"{checkout}/", target], {"PATH": "/usr/bin:/bin"}
        )
        self.compare(self.host, f"app/releases/{one.release}", f"by-rsync/{name}")
        return Pair(ours, bare)

    def deployment(self) -> Deployment:
        """One of the newest commit, which the mirror has; no connection is open."""
        ssh = self.fleet.settings()
        environment = Environment.model_validate(
            {
                "name": "bench",
                "root": "/srv/app",
                "repository": str(self.folder),
                "hosts": {"app": [self.host.name]},
                "ssh": ssh,
            }
        )
        named = {"name": "s", "title": "S", "folder": self.folder, "flow": ["prereqs"]}
        system = System.model_validate({**named, "release": {"unchanged": self.unchanged}})
        commit = self.git("rev-parse", "HEAD")
        mirror(environment.repository, environment.path).need(commit)
        return Deployment(commit, system, environment, Site(environment), "main", commit, None)

    def ours(self, one: Deployment) -> float:
        began = time.monotonic()
        deliver(one, Quiet())
        took = time.monotonic() - began
        mark = f"/srv/app/releases/{one.release}"
        self.host.run("sh", "-c", f"cd {mark} && sha256sum $(find . -type f) >.release.sha256 && touch .release.json")
        one.site.reach.connections.close()
        return took

    def compare(self, host: Host, *places: str) -> None:
        listed = [
            host.run(
                "sh", "-c", f"cd /srv/{place} && find . -type f ! -name '.release.*' -exec sha256sum {{}} + | sort -k2"
            )
            for place in places
        ]
        if listed[0] != listed[1] or listed[0].count("\n") != FILES:
            raise Broken("the two releases differ")
