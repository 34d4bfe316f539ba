"""The shell of a host: all questions in one process, and one process for each change.

A batch is one script: each question runs in a subshell of its own, between marks that only we know, printed to both
streams. A subshell costs a fork; a `timeout` around each question would cost more than asking them one process at a
time. So the time limit is kept from outside: the process group is killed, and what was not yet asked is asked again.
"""

from __future__ import annotations

import re
import secrets as random
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.channels.transport import ERR, OUT, Ended, Transport
from deploy.errors import ConfigError, Unreachable
from deploy.question import Output, Shell, Unanswered
from deploy.secret import Secret

STARTING = 30.0  # seconds for a shell to say that it is there
ENDING = 5.0  # seconds for it to leave after the last question
MARK_ROOM = 80  # more bytes than any mark has
TAIL = 2000
NOT_EXECUTABLE, NOT_FOUND, SIGNALLED = 126, 127, 128
BACKGROUND = re.compile(r"(?<![&>|<])&(?![&>0-9])|\b(?:setsid|nohup|coproc)\b")
SPEAKER = re.compile(r"^sh: (?:eval: )?(?:line )?(?:\d+: )?(?:eval: )?")  # how shells begin a complaint
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Surroundings:
    """What commands of a host see: folders put before PATH, and the application's own variables and secrets."""

    path: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)


def answer(questions: Sequence[Shell], transport: Transport, surroundings: Surroundings) -> list[Output | Unanswered]:
    """The answers of one host, in the order of the questions; normally from one process.

    A question that hangs, floods its output or kills its shell is Unanswered, and the others are not harmed: those
    that come after it are asked again in a fresh process. Questions that put something in the background have a
    process of their own from the start, for what they leave behind could print into the answers of others.
    """
    answers: dict[int, Output | Unanswered] = {}
    together = [index for index, question in enumerate(questions) if not BACKGROUND.search(question.script)]
    alone = [[index] for index in range(len(questions)) if index not in set(together)]
    waves = [together, *alone] if together else alone
    while waves:
        wave = waves.pop(0)
        batch = Batch([questions[index] for index in wave], surroundings)
        try:
            ended = transport.run(batch.script(), batch.receive, batch.deadline)
        except Unreachable as error:
            missing = Unanswered(error.why, error.fix)
            return [answers.get(index, missing) for index in range(len(questions))]
        settled = batch.settle(ended)
        answers.update({wave[position]: found for position, found in settled.items()})
        rest = [index for position, index in enumerate(wave) if position not in settled]
        waves[:0] = ([rest] if settled else [[index] for index in rest]) if rest else []
    return [answers[index] for index in range(len(questions))]


class Batch:
    """Questions on their way through one shell, and what has come back of them so far."""

    def __init__(self, questions: Sequence[Shell], surroundings: Surroundings) -> None:
        self.questions, self.surroundings = questions, surroundings
        self.mark = random.token_hex(16)
        self.pattern = re.compile(rb"%s (\d+)\n" % self.mark.encode())
        self.buffers = {OUT: bytearray(), ERR: bytearray()}
        self.frames: dict[int, list[bytes]] = {OUT: [], ERR: []}  # the first of each: before the first question
        self.exits: list[int] = []
        self.times = [0.0]  # of the marks; the first: when the transport, connected, asked how long it may take
        self.flooded = False

    def script(self) -> str:
        """One compound command, so that a shell has all of it before it runs any of it."""
        blocks = [self._marks("0"), *(self._block(question) for question in self.questions)]
        return compound(exports(self.surroundings.path), "\n".join(blocks), "KILL", "0")

    def _block(self, question: Shell) -> str:
        app = self.surroundings
        given = exports((), app.env, app.secrets) if question.app else ""
        return f"(\n{given}eval {shlex.quote(question.script)}\n) </dev/null 3<&-\n_c=$?\n{self._marks('$_c')}"

    def _marks(self, code: str) -> str:
        return f"printf '%s\\n' \"{self.mark} {code}\"; printf '%s\\n' \"{self.mark} {code}\" >&2"

    def receive(self, stream: int, chunk: bytes) -> None:
        """Take in what a stream brought, and note each mark that is complete."""
        buffer = self.buffers[stream]
        before = max(0, len(buffer) - MARK_ROOM)
        buffer += chunk
        while found := self.pattern.search(buffer, before):
            self._frame(stream, bytes(buffer[: found.start()]), int(found[1]))
            del buffer[: found.end()]
            before = 0
        self.flooded = self.flooded or len(buffer) > self._limit(stream) + MARK_ROOM

    def _frame(self, stream: int, frame: bytes, code: int) -> None:
        asked = self.asked
        self.frames[stream].append(frame)
        if stream == OUT:
            self.exits.append(code)
        if self.asked > asked:
            self.times.append(time.monotonic())

    def _limit(self, stream: int) -> int:
        position = min(max(0, len(self.frames[stream]) - 1), len(self.questions) - 1)
        return self.questions[position].limit

    @property
    def asked(self) -> int:
        """How many frames are complete on both streams."""
        return min(len(self.frames[OUT]), len(self.frames[ERR]))

    def deadline(self) -> float:
        """When to give up on what is being asked now; at once, when it floods us."""
        if self.flooded:
            return 0.0
        if self.asked == 0:
            self.times[0] = self.times[0] or time.monotonic()
            return self.times[0] + STARTING
        if self.asked > len(self.questions):
            return self.times[-1] + ENDING
        return self.times[-1] + self.questions[self.asked - 1].timeout

    def settle(self, ended: Ended) -> dict[int, Output | Unanswered]:
        """The answers that are certain, by position. None at all: ask each of them alone.

        A shell that was killed, or output that a left-over process could have written, makes all of a batch doubtful;
        a question that was alone is to blame for it.
        """
        if self.asked == 0:
            return self._never_started(ended)
        done = {position: self._answer(position) for position in range(self.asked - 1)}
        complete = len(done) == len(self.questions)
        if ended.exit is None and not complete:
            return {**done, len(done): self._stopped(len(done))}
        if len(self.questions) == 1:
            return done if complete and ended.exit in (0, None) else {0: self._killed(ended)}
        return done if complete and ended.exit == 0 and not ended.held else {}

    def _never_started(self, ended: Ended) -> dict[int, Output | Unanswered]:
        how = "did not answer" if ended.exit is None else f"exited {ended.exit}"
        missing = Unanswered(f"the shell {how} before the first question", self._evidence())
        return dict.fromkeys(range(len(self.questions)), missing)

    def _stopped(self, position: int) -> Unanswered:
        question, took = self.questions[position], time.monotonic() - self.times[-1]
        if self.flooded:
            return Unanswered(f"printed more than {question.limit} bytes", self._evidence(), took)
        return Unanswered(f"timed out after {question.timeout:g} s", self._evidence(), took)

    def _killed(self, ended: Ended) -> Unanswered:
        return Unanswered(f"killed the shell that asked it (exit {ended.exit})", self._evidence())

    def _evidence(self) -> str:
        """The end of what is not framed yet: standard error first of all."""
        return _tail(bytes(self.buffers[ERR][-TAIL:])) or _tail(bytes(self.buffers[OUT][-TAIL:]))

    def _answer(self, position: int) -> Output | Unanswered:
        question, exit_code = self.questions[position], self.exits[position + 1]
        out, err = self.frames[OUT][position + 1], self.frames[ERR][position + 1]
        took = self.times[position + 2] - self.times[position + 1]
        if max(len(out), len(err)) > question.limit:
            return Unanswered(f"printed more than {question.limit} bytes", _tail(err), took)
        if exit_code not in question.exits:
            return Unanswered(_why(exit_code, err), _tail(err) or _tail(out), took)
        texts = out.decode(errors="replace"), err.decode(errors="replace")
        return Output(exit_code, *texts, took, *self._moment(position))

    def _moment(self, position: int) -> tuple[float, float]:
        """When the host answered, by our wall clock, and how far off that may be.

        It did so between two marks. Each was on its way for at most as long as the first one took from our asking.
        """
        on_its_way = self.times[1] - (self.times[0] or self.times[1])
        first, last = self.times[position + 1] - on_its_way, self.times[position + 2]
        return time.time() - time.monotonic() + (first + last) / 2, (last - first) / 2


def _why(exit_code: int, err: bytes) -> str:
    said = _tail(err).splitlines()[-1:] or [""]
    if exit_code == NOT_FOUND:
        return SPEAKER.sub("", said[0]) if "not found" in said[0] else "a command was not found (exit 127)"
    if exit_code == NOT_EXECUTABLE:
        return "permission denied (exit 126)"
    if SIGNALLED < exit_code < SIGNALLED + 65:
        return f"ended by signal {exit_code - SIGNALLED} (exit {exit_code})"
    if b"permission denied" in err.lower():
        return f"permission denied (exit {exit_code})"
    return f"exited {exit_code}"


def _tail(text: bytes) -> str:
    return text[-TAIL:].decode(errors="replace").strip()


def exports(
    path: Sequence[str], env: Mapping[str, str] | None = None, secrets: Mapping[str, Secret] | None = None
) -> str:
    """Lines of shell that put folders before PATH and export variables."""
    values = {**(env or {}), **{name: secret.reveal() for name, secret in (secrets or {}).items()}}
    for name in values:
        if not VARIABLE.fullmatch(name):
            raise ConfigError(f"{name!r} cannot be the name of a variable", fix="Use letters, digits and underscores.")
    lines = [f'PATH={shlex.quote(":".join(path))}:"$PATH"\nexport PATH\n'] if path else []
    return "".join([*lines, *(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())])


def compound(before: str, body: str, signal: str, code: str) -> str:
    """One compound command that runs `body` and exits with `code`.

    Should we die or lose the host, the end of its standard input (kept as descriptor 3) ends all of its processes.
    """
    watch = f"( read -r _ <&3; kill -{signal} 0 ) >/dev/null 2>&1 &\n_w=$!"
    return f"{{\nexec 3<&0\n{watch}\n{before}{body}\nkill -KILL $_w\nexit {code}\n}}\n"
