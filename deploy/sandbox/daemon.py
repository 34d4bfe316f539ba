"""A process that outlives the command which started it: with a pid file, a log, and a port that is waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy import durable
from deploy.errors import DeployError
from deploy.sandbox import ports
from deploy.sandbox.processes import born

LAUNCH = '("$@" </dev/null >>"$DAEMON_LOG" 2>&1 & echo $!)'


@dataclass
class Daemon:
    """One background process; its files are `<name>.pid`, `<name>.port` and `<name>.log` in `folder`.

    `command` gives the argv for a port. `cwd` is where it runs, `env` is added to our environment. Its answer is
    waited for up to `wait` seconds.
    """

    name: str
    folder: Path
    command: Callable[[int], Sequence[str]]
    cwd: Path = Path("/")
    env: Mapping[str, str] = field(default_factory=dict)
    wait: float = 20.0

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def port(self) -> int | None:
        """The port it was last given, or None before its first start."""
        return ports.remembered(self._port_file)

    @property
    def _port_file(self) -> Path:
        return self.folder / f"{self.name}.port"

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"

    def pid(self) -> int | None:
        """Its process id, or None: the file's id counts only if that process was born when ours was."""
        try:
            pid, _, birth = self._pid_file.read_text(encoding="ascii").strip().partition(" ")
        except FileNotFoundError:
            return None
        return int(pid) if pid.isdigit() and birth and born(int(pid)) == birth else None

    def start(self, say: Callable[[str], None]) -> bool:
        """Start it, on another port if its own is taken, and wait for an answer; False when it ran already."""
        if self.pid() is not None:
            self._await_answer()
            return False
        before = self.port
        for attempt in range(3):
            port = ports.choose(self._port_file)
            self._launch(port)
            if self._await_answer(give_up=attempt == 2):
                break
        if before not in (None, self.port):
            say(f"Port {before} is taken by another program: {self.name} moved to {self.port}.")
        return True

    def stop(self, patience: float = 10.0) -> bool:
        """End it with TERM, after `patience` seconds with KILL; False when it did not run."""
        if self.pid() is None:
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal(number)
            deadline = time.monotonic() + patience
            while self.pid() is not None and time.monotonic() < deadline:
                time.sleep(0.02)
            if self.pid() is None:
                self._pid_file.unlink(missing_ok=True)
                return True
        raise DeployError(f"{self.name} (process {self.pid()}) does not end, not even when killed")

    def _signal(self, number: signal.Signals) -> None:
        if (pid := self.pid()) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _launch(self, port: int) -> None:
        """Start it through a shell that ends at once, so that it is nobody's child, and note who it is."""
        self.log.touch(mode=0o600)
        launched = subprocess.run(
            ["sh", "-c", LAUNCH, "sh", *self.command(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=self.cwd,
            umask=0o077,
            start_new_session=True,
            env={**os.environ, **self.env, "DAEMON_LOG": str(self.log)},
        )
        pid = int(launched.stdout)
        durable.replace(self._pid_file, f"{pid} {born(pid)}\n")

    def _await_answer(self, give_up: bool = True) -> bool:
        """Wait until its port answers. When it ended instead: False, or DeployError when `give_up`."""
        deadline = time.monotonic() + self.wait
        while self.pid() is not None and time.monotonic() < deadline:
            if self.port is not None and ports.answers(self.port):
                return self.pid() is not None
            time.sleep(0.02)
        if self.pid() is None and not give_up:
            return False
        ended = "ended" if self.pid() is None else f"does not answer on port {self.port} after {self.wait:.0f} s"
        raise DeployError(f"{self.name} {ended}; its log says\n{self._log_tail()}")

    def _log_tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"  | {line}" for line in lines[-12:])
