"""Machines to deploy to over SSH: each with a network, a process table, a host name and a `/srv` of its own.

    with Fleet(3) as fleet:
        first = fleet.hosts[0]
        fleet.address(first)      # "deploy@10.77.1.1"; also known as "h1" in fleet.config
        first.srv / "app"         # what the host sees as /srv/app
        fleet.cut(first, "DROP")

A host is an sshd in namespaces of its own, so all of it ends with one process, also when the tests are killed: its
first process reads from a pipe that only we hold. Needs root. All else of the machine (`/usr`, `/tmp`) is shared.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

USERS = {  # login: (uid, shell); all homes are below /srv, and all take the fleet's key
    "root": (0, "/bin/sh"),
    "deploy": (1500, "/bin/sh"),
    "fish": (1501, "/usr/bin/fish"),
    "nobody-home": (1502, "/bin/false"),
    "chatty": (1503, "/srv/chatty-shell"),
    "sshd": (110, "/usr/sbin/nologin"),
}
PASSWORD = "a word that only the tests know"
SLOW_PORT = 2299
BOOT = """
mount --bind "$1/srv" /srv
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
mount --bind "$1/date" "$(readlink -f "$(command -v date)")"
hostname "$2"
exec 3<&0
( read -r _ <&3; kill 1 ) &
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


class Fleet:
    """`size` machines with one key to enter them all, and what `ssh` needs to know of them.

    They log in `deploy`, who is not root, and `root`; both have their homes below the host's own `/srv`.
    """

    def __init__(self, size: int) -> None:
        self.lock, self.number = take_number()
        self.folder = Path(tempfile.mkdtemp(prefix="fleet-"))
        self.folder.chmod(0o755)
        self.link = f"fleet{self.number}"
        self.hosts: list[Host] = []
        self.switch: subprocess.Popen[str] | None = None  # its network is the bridge, out of reach of our firewall
        self.key, self.known_hosts, self.config = (self.folder / n for n in ("key", "known_hosts", "config"))
        try:
            self._start(size)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, size: int) -> None:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        make_key(self.key)
        self.switch = subprocess.Popen(
            ("unshare", "-n", "sh", "-c", "echo; read -r _"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.switch.stdout and self.switch.stdout.readline()
        ip(
            [
                f"link add {self.link} type veth peer name client netns {self.switch.pid}",
                f"addr add 10.77.{self.number}.254/24 dev {self.link}",
                f"addr add fd77:{self.number}::fe/64 dev {self.link} nodad",
                f"link set {self.link} up",
            ]
        )
        ip(["link add bridge type bridge", "link set bridge up", "link set client master bridge up"], self.switch.pid)
        self.hosts = [self._host(number) for number in range(1, size + 1)]
        for host in self.hosts:
            host.sshd()
        self.write_known_hosts()
        self.config.write_text("".join(self._entry(host) for host in self.hosts))

    def _host(self, number: int) -> Host:
        name, folder = f"h{number}", self.folder / f"h{number}"
        furnish(folder)
        isolated = ("unshare", "-n", "-m", "-p", "-u", "--fork", "--mount-proc", "--kill-child")
        argv = (*isolated, "sh", "-e", "-c", BOOT, "sh", str(folder), name)
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout and process.stdout.readline() == "ready\n"
        init = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        host = Host(name, folder, f"10.77.{self.number}.{number}", f"fd77:{self.number}::{number:x}", process, init)
        ip(
            [f"link add {name} type veth peer name eth0 netns {init}", f"link set {name} master bridge up"],
            self.switch.pid,
        )
        addresses = [f"addr add {host.address}/24 dev eth0", f"addr add {host.address6}/64 dev eth0 nodad"]
        ip(["link set lo up", "link set eth0 up", *addresses], init)
        return host

    def _entry(self, host: Host) -> str:
        return (
            f"Host {host.name}\n  HostName {host.address}\n  User deploy\n  IdentityFile {self.key}\n"
            f"  IdentitiesOnly yes\n  UserKnownHostsFile {self.known_hosts}\n"
        )

    def write_known_hosts(self) -> None:
        """Know all hosts as they are now."""
        keys = {host: (host.folder / "host_key.pub").read_text().split()[:2] for host in self.hosts}
        lines = [f"{host.address},{host.address6} {' '.join(key)}\n" for host, key in keys.items()]
        self.known_hosts.write_text("".join(lines))

    def address(self, host: Host, user: str = "deploy") -> str:
        """A host as an environment writes it."""
        return f"{user}@{host.address}"

    def settings(self, **changed: Any) -> dict[str, Any]:
        """The environment's `ssh` block for this fleet."""
        files = {"known_hosts": str(self.known_hosts), "config": str(self.config), "identity": str(self.key)}
        return {**files, "connect_timeout": 5.0, **changed}

    def cut(self, host: Host, how: str = "DROP") -> None:
        """Lose the network to a host's SSH port: silently (DROP), or so that each packet is answered by RST."""
        action = "DROP" if how == "DROP" else "REJECT --reject-with tcp-reset"
        out = "" if how == "DROP" else "iptables -A OUTPUT -p tcp --sport 22 --tcp-flags RST RST -j ACCEPT;"
        rules = f"iptables -A INPUT -p tcp --dport 22 -j {action}; iptables -A OUTPUT -p tcp --sport 22 -j {action}"
        host.run("sh", "-e", "-c", out + rules)

    def heal(self, host: Host) -> None:
        """Take back `cut` and `slow`."""
        host.run("sh", "-e", "-c", "iptables -F; iptables -t nat -F")
        while host.helpers:
            ended(host.helpers.pop())

    def slow(self, host: Host, milliseconds: float) -> None:
        """New connections to the host have this round trip: not every kernel has netem, so a relay delays them."""
        relay = (sys.executable, str(Path(__file__).with_name("slow.py")), str(SLOW_PORT), "22")
        argv = ("nsenter", "-n", "-t", str(host.init), *relay, str(milliseconds / 2000))
        helper = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        host.helpers.append(helper)
        assert helper.stdout and helper.stdout.readline() == "ready\n"
        host.run("iptables", *f"-t nat -A PREROUTING -p tcp --dport 22 -j REDIRECT --to-ports {SLOW_PORT}".split())

    def clock(self, host: Host, seconds: int) -> None:
        """Set the clock that the host's `date` reads: so many seconds ahead of ours."""
        (host.folder / "clock").write_text(str(seconds))

    def restart(self, host: Host) -> None:
        """Start sshd anew: all connections are lost."""
        host.sshd()

    def close(self) -> None:
        """End all hosts with all that runs on them."""
        for host in self.hosts:
            for process in [*host.helpers, host.process]:
                ended(process)
        if self.switch:
            ended(self.switch)
        remove_link(self.link)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.close()


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


def take_number() -> tuple[IO[str], int]:
    """A number that no other fleet of this machine has, and the lock that says so; it ends with our process."""
    for number in range(1, 250):
        lock = (Path(tempfile.gettempdir()) / f"fleet-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        remove_link(f"fleet{number}")  # of a fleet whose tests were killed
        return lock, number
    raise RuntimeError("249 fleets at once are too many")


def remove_link(name: str) -> None:
    if Path(f"/sys/class/net/{name}").exists():
        subprocess.run(("ip", "link", "del", name), capture_output=True)  # it may be going just now
        wait_until(lambda: not Path(f"/sys/class/net/{name}").exists())


def ip(commands: list[str], inside: int | None = None) -> None:
    """Run commands of `ip`, in the network of a process."""
    where = ("nsenter", "-n", "-t", str(inside)) if inside else ()
    run(*where, "ip", "-batch", "-", given="\n".join(commands) + "\n")


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
