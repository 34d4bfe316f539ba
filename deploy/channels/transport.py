"""How a script reaches the shell of a host. All above this seam is the same for this machine and for any other."""

from __future__ import annotations

import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

Receive = Callable[[int, bytes], None]
Deadline = Callable[[], float]

OUT, ERR = 1, 2
CHUNK = 65536
TICK = 0.05  # how soon the end of a shell is noticed when something that it left behind holds its output

# What a command on this machine sees of our own environment: what a login has, and how to reach package indexes.
# All else (credentials for other tools, settings of this toolkit) stays here; commands carry what they need.
INHERITED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|SSH_AUTH_SOCK|XDG_\w+"
    r"|(?i:https?_proxy|no_proxy|all_proxy)|(SSL|NIX_SSL)_CERT_(FILE|DIR)|(CURL|REQUESTS)_CA_BUNDLE|GIT_SSL_CAINFO"
    r"|NODE_EXTRA_CA_CERTS|PIP_\w+|UV_\w+|NPM_CONFIG_\w+"
)


@dataclass(frozen=True)
class Ended:
    """How a script ended: its exit code, negative for a signal, None when it was stopped at its deadline.

    `held` tells that something it left behind still had its output open.
    """

    exit: int | None
    held: bool = False


@dataclass(frozen=True)
class Payload:
    """Bytes for a command's standard input: exactly `size` of them, in chunks of any size, each taken once."""

    size: int
    chunks: Iterable[bytes]


@dataclass(frozen=True)
class Mode:
    """How a script is run: with TERM `grace` seconds before KILL, and a payload that follows it on standard input.

    What it leaves in the background after an orderly end is killed, unless `keep`.
    """

    grace: float = 0.0
    keep: bool = False
    payload: Payload | None = None

    def given(self, script: str) -> Iterator[bytes]:
        """All that goes to the shell's standard input."""
        return chain([script.encode()], self.payload.chunks if self.payload else ())


ASKED = Mode()  # a question harms nobody: it may be killed at once, with all that it has begun


class Transport(Protocol):
    """One way to a host's shell."""

    def run(self, script: str, receive: Receive, deadline: Deadline, mode: Mode = ASKED) -> Ended:
        """Run a script of POSIX sh in a fresh shell and pass on what it prints, as it comes.

        The script travels over the shell's standard input, which stays open until the script has ended: its end tells
        the host that nobody waits any longer. It must be one compound command that ends in `exit`, for input that
        comes piecemeal must not be run half. `receive` gets the stream (1 or 2) and the bytes; `deadline` is asked
        again and again for the `time.monotonic()` at which to stop, and may say 0. Stopping kills all processes of
        the script. Where a payload follows it, the script reads that from the same standard input, and its shell is
        `shell_for(script, payload)`, which leaves all of it to be read.
        """
        ...


def shell_for(script: str, payload: Payload | None = None, become: str | None = None) -> str:
    """The command line of the shell that gets a script, and what follows it, over its standard input.

    A shell may read ahead of the script that it runs, and keep what it has read. So where a payload follows, the
    script is read byte by byte, as far as it goes; a script that was cut off on its way is not run. `become` is the
    user that it runs as, by a sudo that asks for no password.
    """
    sudo = f"sudo -n -H -u {shlex.quote(become)} -- " if become else ""
    if payload is None:
        return f"{sudo}sh"
    return f"{sudo}sh -c 'eval \"$(dd bs=1 count={len(script.encode())} 2>/dev/null)\"'"


def local_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The part of our environment that commands on this machine inherit."""
    return {name: value for name, value in ours.items() if INHERITED.fullmatch(name)}


class Local:
    """This machine."""

    def run(self, script: str, receive: Receive, deadline: Deadline, mode: Mode = ASKED) -> Ended:
        home = Path.home()
        # The script's shell has another shell above it, in the same process group: `kill $PPID` must not be us.
        process = subprocess.Popen(
            ["sh", "-c", f"{shell_for(script, mode.payload)}; exit $?"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
            cwd=home if home.is_dir() else "/",
            env=local_environment(os.environ),
        )
        ended = Ended(None)
        try:
            ended = _converse(process, mode.given(script), receive, deadline)
        finally:
            if ended.exit is None or not mode.keep:
                _kill_group(process, mode.grace if ended.exit is None else 0.0)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        return ended


def _converse(process: subprocess.Popen[bytes], given: Iterable[bytes], receive: Receive, deadline: Deadline) -> Ended:
    """Feed what is given, pass on the output, until the shell has ended or the deadline is there."""
    with _Pipes(process, given, receive) as pipes:
        while (left := deadline() - time.monotonic()) > 0:
            pipes.turn(min(left, TICK))
            if process.poll() is not None:
                pipes.drain(deadline)
                return Ended(process.returncode, held=bool(pipes.open))
    return Ended(None, held=True)


class _Pipes:
    """The three pipes of a process, without blocking on any of them."""

    def __init__(self, process: subprocess.Popen[bytes], given: Iterable[bytes], receive: Receive) -> None:
        assert process.stdin and process.stdout and process.stderr
        self.process, self.given, self.receive = process, iter(given), receive
        self.pending = memoryview(b"")
        self.stdin = process.stdin.fileno()
        self.open = {process.stdout.fileno(): OUT, process.stderr.fileno(): ERR}
        self.selector = selectors.DefaultSelector()
        for fd in (self.stdin, *self.open):
            os.set_blocking(fd, False)
            self.selector.register(fd, selectors.EVENT_WRITE if fd == self.stdin else selectors.EVENT_READ)

    def __enter__(self) -> _Pipes:
        return self

    def __exit__(self, *_: object) -> None:
        self.selector.close()

    def turn(self, patience: float) -> None:
        """Wait for something to happen, at most so many seconds, and deal with it."""
        if not self.open:
            self._await_exit(patience)
            return
        for key, _ in self.selector.select(patience):
            if key.fd == self.stdin:
                self._write()
            else:
                self._read(key.fd)

    def drain(self, deadline: Deadline) -> None:
        """Read what is still in the pipes of an ended process."""
        for fd in list(self.open):
            while deadline() > time.monotonic() and self._read(fd):
                pass

    def _await_exit(self, patience: float) -> None:
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return

    def _write(self) -> None:
        try:
            if not self.pending:
                self.pending = memoryview(next(self.given))
            written = os.write(self.stdin, self.pending[:CHUNK])
            self.pending = self.pending[written:]
        except (StopIteration, BrokenPipeError):  # all is written, or the shell is gone; its exit tells the rest
            self.selector.unregister(self.stdin)

    def _read(self, fd: int) -> bool:
        """Pass on one chunk; False when there is none for now, or none will come any more."""
        try:
            chunk = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        if chunk:
            self.receive(self.open[fd], chunk)
            return True
        self.selector.unregister(fd)
        del self.open[fd]
        return False


def _kill_group(process: subprocess.Popen[bytes], grace: float) -> None:
    """End every process of the group: TERM, and KILL for those that are there `grace` seconds later."""
    give_up = time.monotonic() + grace
    alive = grace > 0 and _signal(process.pid, signal.SIGTERM)
    while alive and time.monotonic() < give_up:
        process.poll()  # a leader that nobody has waited for still counts as a member of its group
        time.sleep(0.02)
        alive = _signal(process.pid, 0)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: int) -> bool:
    """Whether the group still had a process to receive the signal (0: only asks)."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return False
    return True
