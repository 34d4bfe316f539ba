"""A script on its way through SSH: what both ways to a host's shell, Fabric's and OpenSSH's, have in common.

The login shell may be any: it is given one line that each of them reads alike, and what it prints by itself is not
ours. So the script's own output stands between marks, and the second mark, not SSH, tells its exit code: SSH has 255
for its own troubles as well.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from typing import Protocol

from deploy.channels.transport import ERR, OUT, TICK, Deadline, Ended, Mode, Receive
from deploy.errors import Unreachable

LONGEST = 6 * 3600.0  # seconds that questions may live on when its host has lost us and does not know it
MARGIN = 10.0  # seconds by which a change may outlive its deadline in the same case
LEAVING = 2.0  # seconds for the host to tell that a script which was stopped has ended
HELD = 1.0  # seconds for the output to end after the script has
LINGER = 3  # seconds until a host ends what was left behind, where it cannot hear that we have listened long enough
GREETING = 2000
KILLED = -9
LOST = "the connection was lost"

# All of it is one process group. $g ends it when nobody else does: its lifetime is over, or TERM was not enough. What
# watches for the end of standard input is in the script. Its own `sleep` is ended by KILL: one that is just being
# started would lose a TERM, and live on. Without single quotes: it is quoted in them.
WRAPPER = """\
m={mark}
( trap "kill -KILL \\$!; exit" HUP
trap "trap : TERM; sleep {grace:g}; kill -KILL 0" TERM
sleep {lifetime:.0f} &
wait $!
kill -TERM 0
sleep {grace:g}
kill -KILL 0 ) </dev/null >/dev/null 2>&1 &
g=$!
echo $m begin
echo $m begin >&2
{shell}
c=$?
{leave}echo $m $c
echo $m $c >&2
exec >&- 2>&-
{after}exit $c"""


class Wire(Protocol):
    """One script's connection to its host."""

    def turn(self, patience: float) -> None:
        """Send and pass on what there is; wait for something to happen, at most so many seconds."""

    def hang_up(self) -> None:
        """End the script's standard input: this tells the host to end all of it."""

    @property
    def silent(self) -> bool:
        """Whether no more output can come: nothing that was left behind holds it open."""

    @property
    def ended(self) -> bool:
        """Whether nothing at all can come any more."""


KEEP = ("kill -HUP $g\n", "")
END = ("", "read -r _\nkill -KILL 0\n")  # when we hang up
END_SOON = ("kill -HUP $g\n", f"( sleep {LINGER}; kill -KILL 0 ) </dev/null >/dev/null 2>&1 &\n")


def command_line(mark: str, shell: str, lifetime: float, grace: float, leftovers: tuple[str, str]) -> str:
    """The command for a login shell: runs `shell` between marks, and deals with what it leaves behind."""
    leave, after = leftovers
    times = {"lifetime": lifetime, "grace": grace}
    text = WRAPPER.format(mark=mark, shell=_doubled(shell), leave=leave, after=after, **times)
    return f"exec sh -c '{text}'"


def lifetime(deadline: Deadline, mode: Mode) -> float:
    """How long a script may live on a host that has lost us: a change little longer than we would have waited.

    A batch of questions has a deadline for each of them, and harms nobody.
    """
    left = max(0.0, deadline() - time.monotonic())
    return (left if mode.keep else max(left, LONGEST)) + mode.grace + MARGIN


def _doubled(command: str) -> str:
    """The same command with double quotes only."""
    words = (word if re.fullmatch(r"[\w./=-]+", word) else _double(word) for word in shlex.split(command))
    return " ".join(words)


def _double(word: str) -> str:
    return '"' + re.sub(r'([\\"$`])', r"\\\1", word) + '"'


class Framed:
    """Takes the two streams of a wrapped script apart: greeting, output, exit code."""

    def __init__(self, mark: str, receive: Receive) -> None:
        self.mark, self.receive = mark.encode(), receive
        self.first = self.mark + b" begin\n"
        self.last = re.compile(rb"%s (\d+)\n" % self.mark)
        self.buffers = {OUT: b"", ERR: b""}
        self.begun: set[int] = set()
        self.codes: dict[int, int] = {}

    @property
    def exit(self) -> int | None:
        """The exit code, when both streams have told it: all output has come before."""
        return self.codes.get(OUT) if len(self.codes) == 2 else None

    @property
    def greeting(self) -> str:
        """What was printed in place of a beginning."""
        said = self.buffers[ERR].strip() or self.buffers[OUT].strip()
        return said[-GREETING:].decode(errors="replace")

    def take(self, stream: int, chunk: bytes) -> None:
        """Pass on what is the script's own."""
        if stream in self.codes:
            return  # of a process that was left behind
        text = self.buffers[stream] + chunk
        if stream not in self.begun:
            before, found, text = text.partition(self.first)
            if not found:
                self.buffers[stream] = before[-GREETING - len(self.first) :]
                return
            self.begun.add(stream)
        if found_last := self.last.search(text):
            self.codes[stream] = int(found_last[1])
            text, self.buffers[stream] = text[: found_last.start()], b""
        else:
            keep = self._perhaps_mark(text)
            text, self.buffers[stream] = text[: len(text) - keep], text[len(text) - keep :]
        if text:
            self.receive(stream, text)

    def finish(self) -> None:
        """Pass on what looked like the beginning of a mark and was none; nothing that comes from now on."""
        for stream in self.begun - set(self.codes):
            rest, self.buffers[stream] = self.buffers[stream], b""
            if rest:
                self.receive(stream, rest)
        self.receive = lambda stream, chunk: None

    def _perhaps_mark(self, text: bytes) -> int:
        """How many bytes at the end may be the beginning of a mark."""
        if text.endswith(b"\n"):
            return 0
        at = text.rfind(self.mark)
        if at >= 0 and re.fullmatch(rb"( \d{0,3})?", text[at + len(self.mark) :]):
            return len(text) - at
        longest = min(len(self.mark) - 1, len(text))
        return next((size for size in range(longest, 0, -1) if text.endswith(self.mark[:size])), 0)


def converse(
    wire: Wire, framed: Framed, deadline: Deadline, mode: Mode, lost: Callable[[], Unreachable | None]
) -> Ended:
    """Feed a script and pass on its output, to its end or to the deadline.

    Raises what `lost` returns when the wire broke, and Unreachable when the script never began.
    """
    while (left := deadline() - time.monotonic()) > 0:
        wire.turn(min(left, TICK))
        if framed.exit is not None:
            return Ended(framed.exit, held=not mode.keep and not _within(HELD, wire, lambda: wire.silent))
        if wire.ended:
            return _broken(framed, lost())
    framed.finish()
    wire.hang_up()
    _within(mode.grace + LEAVING, wire, lambda: wire.ended)
    return Ended(None, held=True)


def _broken(framed: Framed, lost: Unreachable | None) -> Ended:
    framed.finish()
    if lost:
        raise lost
    return Ended(KILLED)


def _within(seconds: float, wire: Wire, holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        wire.turn(TICK)
    return holds()
