"""One command on a host, in a process of its own: the way in which steps change things."""

from __future__ import annotations

import shlex
import time
from collections import deque
from collections.abc import Callable

from deploy.channels.shell import compound, exports
from deploy.channels.transport import ERR, OUT, Mode, Payload, Transport
from deploy.command import Completed, Run, Script
from deploy.errors import CommandFailed, Unreachable
from deploy.secret import mask

GRACE = 5.0  # seconds between TERM and KILL
LAST_LINES = 12
LONGEST_NAME = 160
MOST = 16_000_000  # bytes kept of each stream
NO_FOLDER = 125  # our own exit: the folder to run in is not there


def execute(
    command: Run | Script,
    transport: Transport,
    path: tuple[str, ...] = (),
    on_line: Callable[[str], None] | None = None,
    payload: Payload | None = None,
) -> Completed:
    """Run one command to its end; `on_line` gets each line of both streams as it comes, masked.

    A payload is its standard input, which is empty otherwise; a command that got one leaves nothing running. Raises
    CommandFailed, with the last lines, for an exit that is not legal and for a timeout; Unreachable, which is one, when
    the host cannot be reached or is lost. What the command puts in the background on purpose lives on.
    """
    printed = _Printed(on_line)
    started = time.monotonic()
    until = started + command.timeout
    script = _script(command, path, payload)
    mode = Mode(GRACE, keep=payload is None, payload=payload)
    try:
        ended = transport.run(script, printed.receive, lambda: until, mode)
    except Unreachable as error:
        raise error.during(_name(command)) from error
    finally:
        printed.finish()
    if ended.exit is None or ended.exit not in command.exits - {NO_FOLDER}:
        raise CommandFailed(_name(command), ended.exit, "\n".join(printed.last))
    return Completed(ended.exit, printed.text(OUT), printed.text(ERR), time.monotonic() - started)


def _script(command: Run | Script, path: tuple[str, ...], payload: Payload | None) -> str:
    before = exports(path, command.env, command.secrets)
    folder = f"cd -- {shlex.quote(command.cwd)} || exit {NO_FOLDER}\n" if command.cwd else ""
    work = shlex.join(command.argv) if isinstance(command, Run) else f"set -eu\neval {shlex.quote(command.text)}"
    if payload:
        return fed(before, f"{folder}{work}", payload.size)
    return compound(before, f"{folder}(\n{work}\n) </dev/null 3<&-\n_c=$?", "TERM", "$_c")


def fed(before: str, work: str, size: int) -> str:
    """One compound command that runs `work` on the next `size` bytes of its own standard input.

    As with `compound`, the end of that input ends all. It can be watched for only after the payload has been read, so
    the same process does both; its number goes ahead of the payload. What shells say when it is killed is not shown.
    """
    feed = f"sh -c 'echo $PPID'; head -c {size}; exec >/dev/null; read -r _; kill -TERM 0"
    take = f"read -r _w\n(\n{work}\n) 3<&- 2>&4 4>&-\n_c=$?\nkill -KILL $_w\nexit $_c"
    return f"{{\nexec 3<&0 4>&2 2>/dev/null\n{before}{{ {feed}; }} <&3 3<&- 4>&- | {{\n{take}\n}}\nexit $?\n}}\n"


def _name(command: Run | Script) -> str:
    text = shlex.join(command.argv) if isinstance(command, Run) else command.note or command.text.strip()
    line = mask(text).replace("\n", "; ")
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 2] + " …"


class _Printed:
    """What a command prints: whole for the step, by lines for people."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self.on_line = on_line
        self.whole = {OUT: bytearray(), ERR: bytearray()}
        self.partial = {OUT: b"", ERR: b""}
        self.last: deque[str] = deque(maxlen=LAST_LINES)

    def receive(self, stream: int, chunk: bytes) -> None:
        kept = self.whole[stream]
        kept += chunk[: max(0, MOST - len(kept))]
        *lines, self.partial[stream] = (self.partial[stream] + chunk).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self.partial[stream]) > MOST:
            self.partial[stream] = b""

    def finish(self) -> None:
        """Pass on last lines that had no line end."""
        for rest in self.partial.values():
            if rest:
                self._line(rest)

    def text(self, stream: int) -> str:
        return self.whole[stream].decode(errors="replace")

    def _line(self, line: bytes) -> None:
        text = mask(line.decode(errors="replace").rstrip("\r"))
        self.last.append(text)
        if self.on_line:
            self.on_line(text)
