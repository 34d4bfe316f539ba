"""A host's shell by the user's own `ssh`: one master connection on a private socket, used again by all that runs."""

from __future__ import annotations

import itertools
import math
import os
import random
import re
import secrets
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from deploy.channels.addresses import parse
from deploy.channels.remote import END_SOON, KEEP, LEAVING, LOST, Framed, command_line, converse, lifetime
from deploy.channels.transport import ASKED, Deadline, Ended, Mode, Receive, _Pipes, local_environment, shell_for
from deploy.endpoints import Ssh
from deploy.errors import Unreachable

# `ssh` would outlive us when we are killed: the end of the first line's input ends it too.
MASTER = 'exec 3<&0; "$@" </dev/null 3<&- & p=$!; ( read -r _ <&3; kill $p ) & wait $p; c=$?; kill $!; exit $c'
FINAL = re.compile(
    "Host key verification failed|Permission denied|Could not resolve|Bad configuration|No such file|forwarding failed"
    "|Too many authentication failures"
)
HANGS_UP = re.compile(r"kex_exchange_identification|Connection (closed|reset) by")
CONFIGURATION = "config"
DROPPED = 12  # tries at a host that hangs up before it greets


class OpenSsh:
    """One host. May be used from many threads at once."""

    def __init__(
        self, host: str, ssh: Ssh, control: Path, turns: AbstractContextManager[Any], become: str | None = None
    ) -> None:
        """`control` is a path for the socket, short and in a folder that only we may read.

        Hosts take `turns` to log in: more `ssh` at once than that only wait for each other's keys.
        """
        self.host, self.ssh, self.control, self.turns, self.become = host, ssh, control, turns, become
        self._master: subprocess.Popen[bytes] | None = None
        self._forwards: list[str] = []
        self._lock = threading.Lock()

    def run(self, script: str, receive: Receive, deadline: Deadline, mode: Mode = ASKED) -> Ended:
        """As `Transport.run`. Raises Unreachable: before anything ran, or because the connection was lost."""
        self.connect()
        mark = secrets.token_hex(16)
        framed = Framed(mark, receive)
        shell, ending = shell_for(script, mode.payload, self.become), KEEP if mode.keep else END_SOON
        line = command_line(mark, shell, lifetime(deadline, mode), mode.grace, ending)
        argv = self._argv("-T", "-o", "ControlMaster=no", "-o", "ClearAllForwardings=yes", command=line)
        process = _started(argv, subprocess.PIPE)
        with _Pipes(process, mode.given(script), framed.take) as pipes:
            try:
                return converse(_Wire(process, pipes), framed, deadline, mode, partial(self._lost, framed))
            finally:
                _end(process)

    def _lost(self, framed: Framed) -> Unreachable | None:
        """What is wrong with the host when a script has come to no orderly end."""
        if not self._alive():
            return Unreachable(self.host, LOST, lost=True)
        if not framed.begun:
            return Unreachable(self.host, f"its login shell ended before our script began: {framed.greeting}")
        return None

    def connect(self) -> None:
        """Have a master connection; Unreachable says why there is none."""
        with self._lock:
            if not self._alive():
                self._stop()
                self._connect()
                for forward in self._forwards:
                    self._ask_master("forward", forward)

    def forward(self, address: str, port: int) -> tuple[str, int]:
        """A port of this machine's loopback that leads to an address and port as the host sees them."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            near = free.getsockname()
        far = f"[{address}]" if ":" in address else address
        self._forward(f"{near[0]}:{near[1]}:{far}:{port}")
        return near[0], near[1]

    def forward_socket(self, path: str, near: str) -> None:
        """Have the socket file `near` of this machine lead to one of the host."""
        self._forward(f"{near}:{path}")

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _forward(self, what: str) -> None:
        self.connect()
        with self._lock:
            self._ask_master("forward", what)
            self._forwards.append(what)

    def _ask_master(self, request: str, what: str) -> None:
        for path in [Path(what.partition(":")[0])] if what.startswith("/") else []:
            path.unlink(missing_ok=True)  # of a master that was lost
        asked = subprocess.run(
            self._argv("-O", request, "-L", what), capture_output=True, text=True, env=local_environment(os.environ)
        )
        if asked.returncode != 0:
            raise Unreachable(self.host, f"no port could be forwarded: {asked.stderr.strip()}")

    def _connect(self) -> None:
        for failed in itertools.count():
            with self.turns:
                said = self._try()
            if said is None:
                return
            tries = DROPPED if HANGS_UP.search(said) and self.ssh.retries else self.ssh.retries
            if FINAL.search(said) or failed >= tries:
                raise self._explained(said)
            time.sleep(random.uniform(0.05, 0.3) * (failed + 1))  # noqa: S311 - nothing secret about it

    def _try(self) -> str | None:
        """Start a master; what ssh said when there is none in the end."""
        ssh = self._argv("-N", "-T", "-o", "ControlMaster=yes", "-o", "ClearAllForwardings=yes")
        with tempfile.TemporaryFile() as said:
            self._master = _started(["sh", "-c", MASTER, "sh", *ssh], said)
            until = time.monotonic() + 3 * self.ssh.connect_timeout
            while not self._alive():
                if self._master.poll() is not None or time.monotonic() > until:
                    self._stop()
                    said.seek(0)
                    return said.read().decode(errors="replace").strip() or "ssh did not connect"
                time.sleep(0.005)
        return None

    def _explained(self, said: str) -> Unreachable:
        from deploy.channels import dialing, trust

        if "Host key verification failed" in said and (why := trust.distrusted(self.host, self.ssh)):
            return why
        lines = [line.removeprefix("ssh: ") for line in said.splitlines() if line.strip()]
        if "Too many authentication failures" in said:
            return Unreachable(self.host, *dialing.TOO_MANY)
        if "Permission denied" in said and self.ssh.identity and _is_locked(self.ssh.identity):
            return Unreachable(self.host, *dialing.LOCKED)
        if "Permission denied" in said:  # what comes before it tells of keys that could not be used
            fix = "Does the user there accept the key? Passwords are never used."
            return Unreachable(self.host, "; ".join(lines[-3:]), fix)
        return Unreachable(self.host, next((line for line in lines if FINAL.search(line)), lines[-1]))

    def _alive(self) -> bool:
        """Whether a master listens: it removes its socket when it ends."""
        if self._master is None or self._master.poll() is not None:
            return False
        with socket.socket(socket.AF_UNIX) as knock:
            try:
                knock.connect(str(self.control))
            except OSError:
                return False
        return True

    def _stop(self) -> None:
        if self._master:
            assert self._master.stdin
            self._master.stdin.close()
            try:
                self._master.wait(LEAVING)
            except subprocess.TimeoutExpired:
                _end(self._master)
            self._master = None
        self.control.unlink(missing_ok=True)

    def _argv(self, *options: str, command: str | None = None) -> list[str]:
        """A call of ssh that uses our configuration and our socket."""
        address = parse(self.host)
        given = {"ControlPath": self.control, "ControlPersist": "no", "User": address.user, "Port": address.port}
        settings = [f"-o{name}={value}" for name, value in given.items() if value]
        files = ["-F", str(self.control.parent / CONFIGURATION)]
        return ["ssh", *files, *settings, *options, "--", address.name, *([command] if command else [])]


def configure(ssh: Ssh, folder: Path) -> None:
    """Write the configuration for all calls of ssh: ours first, then the user's.

    Gateways are reached by an ssh that ssh itself starts: it gets this file, but none of our options.
    """
    given = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "RemoteCommand": "none",
        "PermitLocalCommand": "no",
        "LogLevel": "ERROR",
        "ConnectTimeout": str(math.ceil(ssh.connect_timeout)),
        "ServerAliveInterval": str(ssh.keepalive),
        "UserKnownHostsFile": _path(ssh.known_hosts),
        "IdentityFile": _path(ssh.identity),
        "IdentitiesOnly": "yes" if ssh.identity else None,
    }
    users = [_path(ssh.config)] if ssh.config else ["~/.ssh/config", "/etc/ssh/ssh_config"]
    lines = ["Host *", *(f"{name} {value}" for name, value in given.items() if value)]
    (folder / CONFIGURATION).write_text("\n".join([*lines, *(f"Include {path}" for path in users), ""]))


class _Wire:
    """The pipes of one `ssh`."""

    def __init__(self, process: subprocess.Popen[bytes], pipes: _Pipes) -> None:
        self.process, self.pipes = process, pipes

    @property
    def silent(self) -> bool:
        return self.ended  # it keeps its own output open to the end

    @property
    def ended(self) -> bool:
        return not self.pipes.open and self.process.poll() is not None

    def turn(self, patience: float) -> None:
        self.pipes.turn(patience)

    def hang_up(self) -> None:
        assert self.process.stdin
        with suppress(KeyError, ValueError):  # all of it was written
            self.pipes.selector.unregister(self.pipes.stdin)
        self.process.stdin.close()


def _path(given: str | None) -> str | None:
    return f'"{Path(given).expanduser()}"' if given else None


def _is_locked(identity: str) -> bool:
    """Whether a private key file cannot be read without a passphrase."""
    argv = ["ssh-keygen", "-y", "-P", "", "-f", str(Path(identity).expanduser())]
    asked = subprocess.run(argv, capture_output=True, text=True, env=local_environment(os.environ))
    return asked.returncode != 0 and "passphrase" in asked.stderr


def _started(argv: list[str], errors: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """A process that a Ctrl-C at our terminal does not reach: what runs on the host is ours to end."""
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if errors == subprocess.PIPE else subprocess.DEVNULL,
        stderr=errors,
        bufsize=0,
        start_new_session=True,
        env=local_environment(os.environ),
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process of ours; the host sees the end of its input, and ends what it runs for us."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()
