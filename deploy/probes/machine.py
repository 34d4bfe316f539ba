"""The machine: its tools, processes and schedules."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.bounds import Regex
from deploy.probes.reading import every, words
from deploy.probes.sh import globs, needs, quote
from deploy.question import Output, Shell
from deploy.result import Verdict, failed, judged, passed, unknown
from deploy.scope import Scope


class Tools(Probe):
    """Every tool is on the PATH."""

    name: ClassVar[str] = "machine.tools"
    example: ClassVar[str] = "tools: [git, pg_dump, pg_restore]"
    tools: tuple[str, ...] = Field(min_length=1)

    def ask(self, scope: Scope) -> Shell:
        return Shell(f"""for tool in {quote(scope, *self.tools)}; do
  if command -v "$tool" >/dev/null; then is=there; else is=missing; fi
  printf '%s\\t%s\\n' "$is" "$tool"
done""")

    def judge(self, output: Output) -> Verdict:
        return every("tools on the PATH", words(output), {"there"})


class Clock(Probe):
    """The clock of the host agrees with ours."""

    name: ClassVar[str] = "machine.clock"
    example: ClassVar[str] = "at_most: 1  # second"
    at_most: float = Field(1.0, gt=0)  # seconds, in either direction

    def ask(self, scope: Scope) -> Shell:
        return Shell("date +%s.%N")

    def judge(self, output: Output) -> Verdict:
        expected = f"at most {self.at_most:g} s from our clock"
        measured = skew(output)
        if measured is None:
            return unknown(expected, "date tells no time", output.out)
        off, within = measured
        found = f"{off:+.2f} s, give or take {within:.2f} s"
        if abs(off) - within <= self.at_most < abs(off) + within:
            return unknown(expected, f"the line is too slow to tell: {found}")
        return judged(abs(off) <= self.at_most, expected, found)


def skew(output: Output) -> tuple[float, float] | None:
    """How far a host's clock is ahead of ours, and how uncertain that is, both in seconds; None: it told no time."""
    told = re.match(r"(\d{9,})(\.\d+)?", output.out)
    if not told or not output.at:
        return None
    if told[2]:
        return float(told[0]) - output.at, output.within
    return float(told[1]) + 0.5 - output.at, output.within + 0.5  # this `date` knows whole seconds only


MARK = "== pattern: "


class Processes(Probe):
    """As many processes of the user who asks match as may; the asking ones, their parents and children never count.

    `{name}` in a pattern stands for its literal value.
    """

    name: ClassVar[str] = "machine.processes"
    example: ClassVar[str] = "match: ['-m engine[.]extraction[.]run']\nat_most: 0"
    match: tuple[Regex, ...] = Field(min_length=1)
    at_least: int = Field(0, ge=0)
    at_most: int = Field(0, ge=0)

    def ask(self, scope: Scope) -> Shell:
        patterns = [scope.pattern(one) for one in self.match]
        filled = "" if patterns == list(self.match) else f"printf '{MARK}%s\\n' {' '.join(map(shlex.quote, patterns))}"
        return Shell(f'echo $$\nps -ww -u "$(id -u)" -o pid=,ppid=,pgid=,args= || exit 3\n{filled}'.strip())

    def judge(self, output: Output) -> Verdict:
        expected = (
            f"{self.at_least} to {self.at_most} processes" if self.at_least else f"at most {self.at_most} processes"
        )
        text, *patterns = output.out.rstrip("\n").split(f"\n{MARK}")
        asking, _, listing = text.partition("\n")
        patterns = patterns or list(self.match)
        found = [line.split(None, 3) for line in listing.splitlines()]
        if not any(pid == asking for pid, *_ in found):
            return unknown(expected, "ps does not list the process that asks", output.out)
        own = set(_family(asking, {pid: (parent, group) for pid, parent, group, *_ in found}))
        others = [(pid, args) for pid, _, _, args in found if pid not in own]
        matching = [f"{pid}: {args[:160]}" for pid, args in others if any(re.search(one, args) for one in patterns)]
        holds = self.at_least <= len(matching) <= self.at_most
        return judged(holds, expected, f"{len(matching)} of {len(others)}", "\n".join(matching[:20]))


def _family(asking: str, processes: dict[str, tuple[str, str]]) -> Iterator[str]:
    """The asking process, its ancestors, its group, and all their descendants up to the asking one's own."""
    ancestor: str | None = asking
    while ancestor in processes:
        yield ancestor
        ancestor = processes[ancestor][0]
    below = {asking} | {pid for pid, (_, group) in processes.items() if group == processes[asking][1]}
    while below:
        yield from below
        below = {pid for pid, (parent, _) in processes.items() if parent in below and pid not in below}


class Schedule(Probe):
    """A scheduler of this machine has an entry that matches: crontab, cron's folders, or systemd's timers."""

    name: ClassVar[str] = "machine.schedule"
    example: ClassVar[str] = "matches: 'engine[.]extraction[.]health'"
    matches: Regex
    files: tuple[str, ...] = ("/etc/crontab", "/etc/cron.d/*")

    def ask(self, scope: Scope) -> Shell:
        timers = "list-timers --all --no-legend --no-pager"
        return Shell(f"""{needs("sed", "cat")}
export LC_ALL=C
ask() {{
  command -v "$2" >/dev/null || return 0
  kind=$1; shift
  if said=$("$@" 2>&1); then is=asked; else is=silent; fi
  case $said in 'no crontab for '*) is=asked; said= ;; esac
  printf '%s\\t%s\\n' "$is" "$kind"
  [ $is = silent ] || printf '%s\\n' "$said" | sed 's/^/entry	/'
}}
ask crontab crontab -l
ask 'system timers' systemctl {timers}
ask 'user timers' systemctl --user {timers}
for file in {globs(scope, *self.files)}; do [ ! -e "$file" ] || ask "$file" cat -- "$file"; done""")

    def judge(self, output: Output) -> Verdict:
        expected = f"an entry matching /{self.matches}/"
        kinds = [line.partition("\t")[::2] for line in output.out.splitlines()]
        entries = [text for kind, text in kinds if kind == "entry" and not text.lstrip().startswith("#")]
        asked = [text for kind, text in kinds if kind == "asked"]
        silent = [text for kind, text in kinds if kind == "silent"]
        hits = [text for text in entries if re.search(self.matches, text)]
        if hits:
            return passed(expected, hits[0].strip()[:160], "\n".join(hits))
        if silent or not asked:
            return unknown(expected, f"no answer from {', '.join(silent) or 'any scheduler'}")
        return failed(expected, f"no such entry in {', '.join(asked)}")
