"""A private PostgreSQL server: made, started and stopped with PostgreSQL's own programs, without root or Docker."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from deploy import durable
from deploy.errors import ConfigError, DeployError
from deploy.sandbox import ports
from deploy.sandbox.account import Account, run_as
from deploy.sandbox.binaries import Binaries, missing_in
from deploy.sandbox.private import require_space
from deploy.sandbox.processes import command_line, exists
from deploy.secret import Secret

SUPERUSER = "postgres"
SPACE_TO_INIT, SPACE_TO_START = 200_000_000, 40_000_000
LONGEST_SOCKET_FOLDER = 80  # a socket's whole path may have 107 bytes on Linux, 103 on macOS
LOCALE = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
WAIT = 60.0


def silent(text: str) -> None:
    """Say nothing."""


def made_by(data: Path) -> int | None:
    """The major version of the PostgreSQL that made this data folder; None where it was never finished."""
    if not is_marked(data, "ready"):
        return None
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


def is_marked(data: Path, what: str) -> bool:
    """Whether this fact was noted in the data folder by `Postgres.mark`."""
    return _marker(data, what).exists()


def _marker(data: Path, what: str) -> Path:
    return data / f"pipeline-deploy.{what}"


def lock_file(data: Path) -> tuple[int, str]:
    """The process id and the state (`starting`, `ready`, `stopping`) in postmaster.pid; 0 and blank without it."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0, ""
    pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    return pid, lines[7].strip() if len(lines) > 7 else ""


def server_pid(data: Path) -> int | None:
    """The process id of the server on this data folder, or None when there is none.

    What postmaster.pid says is believed only if that process was started for this folder.
    """
    pid, _ = lock_file(data)
    words = command_line(pid) if pid else ""
    return pid if "postgres" in words and str(data) in words else None


def serving(data: Path) -> Binaries | None:
    """The programs of the server that runs on a data folder, as its process names them; None where none tells."""
    pid, major = server_pid(data), made_by(data)
    program = Path(command_line(pid).partition(" -D ")[0] if pid else "")
    if major is None or program.name != "postgres" or missing_in(program.parent):
        return None
    return Binaries(program.parent, major)


@dataclass
class Postgres:
    """One server. Everything of it lies in `folder`: data, socket, log, port.

    `account` is the user it runs as (None: ours), and must be able to traverse `folder`'s parents. `settings` are
    given to the server when it starts. The superuser is `postgres`, with `password`.
    """

    folder: Path
    binaries: Binaries
    password: Secret
    account: Account | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    user: str = SUPERUSER
    host: str = ports.HOST

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def marked(self, what: str) -> bool:
        """Whether `mark` was called for this data folder; `ready` is marked after a successful initdb."""
        return is_marked(self.data, what)

    def mark(self, what: str) -> None:
        """Note a fact about the data inside of its folder, where it lives and goes with the data."""
        marker = _marker(self.data, what)
        durable.replace(marker, f"PostgreSQL {self.binaries.major}\n")
        self._hand_over(marker)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def port(self) -> int:
        port = ports.remembered(self.folder / "port")
        if port is None:
            raise DeployError(f"{self.folder}: PostgreSQL was never started here")
        return port

    def url(self, dbname: str = "postgres") -> str:
        """The superuser's URL of a database; it holds the password."""
        password = quote(self.password.reveal(), safe="")
        return f"postgresql://{self.user}:{password}@{self.host}:{self.port}/{quote(dbname, safe='')}"

    def pid(self) -> int | None:
        """The server's process id, or None when it does not run."""
        return server_pid(self.data)

    def start(self, say: Callable[[str], None] = silent) -> bool:
        """Make the cluster if need be and have the server answer; False when it did already.

        Raises ConfigError for a full disk or a data folder of another version, DeployError when it does not start.
        """
        if self._settle():
            return False
        self._make_folders()
        if not self.marked("ready"):
            self._initialise(say)
        self._check_data()
        self._disown_reused_pid(say)
        for left_behind in (self.folder / "socket").iterdir():
            left_behind.unlink()  # ours alone, and we do not run: its lock would be believed like postmaster.pid
        self._start_server(say)
        return True

    def stop(self) -> bool:
        """Stop the server, ending its sessions; False when it did not run."""
        if self.pid() is None:
            return False
        if self._pg_ctl("stop", "-m", "fast", "-w", "-t", "30").returncode != 0 and self.pid() is not None:
            self._pg_ctl("stop", "-m", "immediate", "-w", "-t", "30")
        if self.pid() is not None:
            raise DeployError(f"PostgreSQL (process {self.pid()}) does not stop\n{self._log_tail()}")
        return True

    def _settle(self) -> bool:
        """Wait out a server that is starting or stopping; True when it is there and ready."""
        deadline = time.monotonic() + WAIT
        while (pid := self.pid()) is not None:
            if lock_file(self.data)[1] == "ready":
                return True
            if time.monotonic() > deadline:
                raise DeployError(f"PostgreSQL (process {pid}) runs but is not ready\n{self._log_tail()}")
            time.sleep(0.05)
        return False

    def _make_folders(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "socket").mkdir(mode=0o700, exist_ok=True)
        self.log.touch(mode=0o600)
        if self.account:
            shutil.chown(self.folder, group=self.account.gid)
            self.folder.chmod(0o710)
            self._hand_over(self.folder / "socket", self.log)

    def _hand_over(self, *paths: Path) -> None:
        for path in paths:
            if self.account:
                self.account.own(path)

    def _initialise(self, say: Callable[[str], None]) -> None:
        self._set_aside(say)
        require_space(self.folder, SPACE_TO_INIT)
        self.data.mkdir(mode=0o700)
        password_file = self.folder / "initdb.password"
        durable.replace(password_file, self.password.reveal() + "\n")
        self._hand_over(self.data, password_file)
        try:
            done = self._run("initdb", "-D", str(self.data), "-U", self.user, "-A", "scram-sha-256", "-E", "UTF8",
                             f"--locale={LOCALE}", f"--pwfile={password_file}", "--no-instructions")  # fmt: skip
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            raise DeployError(f"initdb failed, with {self._free()} bytes free at {self.folder}\n{done.stdout.strip()}")
        self.mark("ready")

    def _set_aside(self, say: Callable[[str], None]) -> None:
        """Move away a data folder that was never marked ready: its making was interrupted. Nothing is deleted."""
        if not self.data.exists():
            return
        if not any(self.data.iterdir()):
            self.data.rmdir()
            return
        broken = self.data.with_name(f"data.broken-{time.strftime('%Y%m%dT%H%M%S')}-{time.monotonic_ns() % 10**6}")
        self.data.rename(broken)
        say(f"The data folder was never finished: moved to {broken}, made again.")

    def _check_data(self) -> None:
        version = made_by(self.data)
        if version != self.binaries.major:
            raise ConfigError(
                f"this data folder is of PostgreSQL {version or '(unknown)'}, and the programs in "
                f"{self.binaries.folder} are of {self.binaries.major}",
                where=str(self.data),
                fix="Set POSTGRES_BIN to the programs of that version, or run: invoke sandbox.reset",
            )
        require_space(self.folder, SPACE_TO_START)

    def _disown_reused_pid(self, say: Callable[[str], None]) -> None:
        """Where postmaster.pid names another program's process, or a zombie, put a dead process's id in its place.

        The file itself stays: PostgreSQL finds orphaned sessions by the shared memory that it names.
        """
        pid, _ = lock_file(self.data)
        if not pid or not exists(pid):
            return
        dead = subprocess.Popen(["true"])
        dead.wait()
        lock = self.data / "postmaster.pid"
        _, _, rest = lock.read_text(encoding="utf-8").partition("\n")
        durable.replace(lock, f"{dead.pid}\n{rest}")
        self._hand_over(lock)
        say(f"postmaster.pid named process {pid}, which is not this server: corrected.")

    def _start_server(self, say: Callable[[str], None]) -> None:
        before = ports.remembered(self.folder / "port")
        for _ in range(3):
            port = ports.choose(self.folder / "port")
            done = self._pg_ctl("start", "-w", "-t", f"{WAIT:.0f}", "-l", str(self.log), "-o", self._options(port))
            if done.returncode == 0:
                if before not in (None, port):
                    say(f"Port {before} is taken by another program: PostgreSQL moved to {port}.")
                return
            time.sleep(0.5)  # sessions of a killed server may still be leaving; a port may have been taken
        raise DeployError(
            f"PostgreSQL does not start, with {self._free()} bytes free at {self.folder}\n{self._log_tail()}"
        )

    def _options(self, port: int) -> str:
        socket = self.folder / "socket"
        settings = {
            "listen_addresses": self.host,
            "port": str(port),
            "unix_socket_directories": str(socket) if len(str(socket)) <= LONGEST_SOCKET_FOLDER else "",
            **self.settings,
        }
        return " ".join(f"-c {shlex.quote(f'{key}={value}')}" for key, value in settings.items())

    def _pg_ctl(self, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self._run("pg_ctl", verb, "-D", str(self.data), *options)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_as(self.account, [str(self.binaries.folder / program), *arguments], timeout=2 * WAIT)

    def _free(self) -> int:
        return shutil.disk_usage(self.folder).free

    def _log_tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(f"  | {line}" for line in lines[-12:])
