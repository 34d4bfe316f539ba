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

import fcntl
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from tests.ssh.machine import BOOT, PASSWORD, Host, ended, furnish, make_key, run, wait_until

__all__ = ["PASSWORD", "Fleet", "Host", "ended", "run", "wait_until"]

SLOW_PORT = 2299


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
        assert self.switch
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
        helper = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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
