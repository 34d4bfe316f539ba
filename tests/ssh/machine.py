"""One machine of a fleet: an sshd in namespaces of its own, with files of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

USERS = {  # login: (uid, shell); all homes are below /srv, and all take the fleet's key
    "root": (0, "/bin/sh"),
    "deploy": (1500, "/bin/sh"),
    "fish": (1501, "/usr/bin/fish"),
    "nobody-home": (1502, "/bin/false"),
    "chatty": (1503, "/srv/chatty-shell"),
    "sshd": (110, "/usr/sbin/nologin"),
}
PASSWORD = "a word that only the tests know"
BOOT = """
mount --bind "$1/srv" /srv
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
mount --bind "$1/date" "$(readlink -f "$(command -v date)")"
hostname "$2"
exec 3<&0
( read -r _ <&3 || kill 1 ) &
trap 'exit 0' TERM
echo ready
while :; do sleep 3600 & wait $!; done
"""
DATE = """#!/bin/sh
now=$({folder}/real-date +%s.%N)
exec {folder}/real-date -d "@$(( ${{now%.*}} + $(cat {folder}/clock) )).${{now#*.}}" "$@"
"""
SSHD = """
Port 22
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {authorized}
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowStreamLocalForwarding yes
UseDNS no
PrintMotd no
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""


@dataclass(eq=False)
class Host:
    """One machine of a fleet. `srv` is its `/srv`, `address` its IPv4 address, `address6` its IPv6 address."""

    name: str
    folder: Path
    address: str
    address6: str
    process: subprocess.Popen[str]
    init: int  # its first process, as seen from here
    helpers: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def srv(self) -> Path:
        return self.folder / "srv"

    @property
    def log(self) -> str:
        """What its sshd has logged."""
        return (self.folder / "log").read_text()

    @property
    def fingerprint(self) -> str:
        return run("ssh-keygen", "-lf", str(self.folder / "host_key.pub")).split()[1]

    def processes(self) -> dict[int, str]:
        """Command lines of what runs on this host, by process id as seen from here."""
        ours, found = Path(f"/proc/{self.init}/ns/pid").readlink(), {}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (path / "ns/pid").readlink() == ours:
                    found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        return {pid: line for pid, line in found.items() if line}

    def running(self, words: str) -> list[int]:
        """The processes of this host whose command lines hold these words."""
        return [pid for pid, line in self.processes().items() if words in line]

    def run(self, *argv: str) -> str:
        """Run a program as root on the host, without SSH."""
        return run("nsenter", "-a", "-t", str(self.init), *argv)

    def sshd(self, *lines: str) -> None:
        """Start sshd anew, with these lines of configuration before the usual ones; all connections are lost."""
        for pid, line in self.processes().items():
            if line.startswith(("sshd:", "/usr/sbin/sshd")):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        usual = SSHD.format(folder=self.folder, authorized=self.folder.parent / "key.pub")
        (self.folder / "sshd_config").write_text("\n".join(lines) + usual)
        wait_until(lambda: not self.running("/usr/sbin/sshd"))
        self.run("/usr/sbin/sshd", "-f", f"{self.folder}/sshd_config", "-E", f"{self.folder}/log")
        wait_until(lambda: reachable(self.address, 22))

    def new_key(self) -> None:
        """As if it were another machine: from its next start of sshd it has another host key."""
        make_key(self.folder / "host_key")


def furnish(folder: Path) -> None:
    """The files of a host: its `/srv` with the homes, its users, its key, its clock."""
    (folder / "srv").mkdir(parents=True)
    (folder / "srv").chmod(0o777)
    for user, (uid, _) in USERS.items():
        home = folder / "srv" / "home" / user
        home.mkdir(parents=True)
        os.chown(home, uid, uid)
    chatty = folder / "srv" / "chatty-shell"
    chatty.write_text('#!/bin/sh\necho "Welcome to the machine"\necho "Mind the step" >&2\nexec sh "$@"\n')
    hashed = run("openssl", "passwd", "-6", "-stdin", given=PASSWORD).strip()
    lines = [f"{user}:x:{uid}:{uid}::/srv/home/{user}:{shell}\n" for user, (uid, shell) in USERS.items()]
    (folder / "passwd").write_text("".join(lines))
    (folder / "shadow").write_text("".join(f"{user}:{hashed}:19000::::::\n" for user in USERS))
    (folder / "clock").write_text("0")
    date = shutil.which("date")
    assert date
    shutil.copy(date, folder / "real-date")
    (folder / "date").write_text(DATE.format(folder=folder))
    for path in (chatty, folder / "date"):
        path.chmod(0o755)
    make_key(folder / "host_key")


def make_key(path: Path, kind: str = "ed25519") -> None:
    for old in (path, Path(f"{path}.pub")):
        old.unlink(missing_ok=True)
    run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "fleet", "-f", str(path))


def run(*argv: str, given: str = "") -> str:
    done = subprocess.run(argv, input=given, capture_output=True, text=True)
    assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def ended(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


def reachable(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def wait_until(holds: Any, seconds: float = 15.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
