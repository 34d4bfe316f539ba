"""Other ways to ask the same checks, each as one command: the tools that people use, and ssh itself."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy import folders
from deploy.channels.transport import local_environment
from deploy.folders import PROJECT
from scripts.benchmark.asked import Asked
from scripts.benchmark.place import Broken

PINNED = Path(__file__).with_name("peers.txt")
RIVALS = Path(__file__).with_name("rivals")
EVERYWHERE = "/usr/bin/python3"  # what Ansible's modules run with on the hosts
SMALL, MANY = 10, 50


@dataclass(frozen=True)
class Call:
    """A command, and what it needs in its environment beyond what a login has."""

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """One way to ask. `aim` is the largest ratio of ours to it on 50 hosts.

    `most` hosts are asked this way, once only for each number of them from `once` on: it takes that long. `venv`
    tells that it runs in the tools' virtual environment.
    """

    name: str
    title: str
    call: Callable[[Asked, Path], Call]
    aim: float | None = None
    most: int = 1000
    once: int = 1000
    venv: bool = True


def _module(name: str, *words: str) -> Callable[[Asked, Path], Call]:
    return lambda asked, path: Call([tool("python"), "-m", f"scripts.benchmark.rivals.{name}", str(path), *words])


def _ansible(batched: bool) -> Callable[[Asked, Path], Call]:
    def call(asked: Asked, path: Path) -> Call:
        folder = path.parent
        scripts = [asked.batch] if batched else asked.checks
        tasks = [{"ansible.builtin.shell": {"cmd": script}, "changed_when": False} for script in scripts]
        (folder / "play.json").write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        (folder / "ansible.cfg").touch()
        (folder / "inventory").write_text("\n".join(asked.hosts) + "\n")
        settings = {
            "HOME": f"{folder}/ansible",
            "PIPELINING": "True",
            "FORKS": "50",
            "SSH_CONTROL_PATH_DIR": f"{folder}/cp",  # a folder of this run alone: it begins cold
            "SSH_COMMON_ARGS": f"-F {asked.config}",
            "CALLBACK_PLUGINS": str(RIVALS / "callbacks"),
            "STDOUT_CALLBACK": "ansible_answers",
            "CONFIG": f"{folder}/ansible.cfg",  # none of the user's
        }
        env = {f"ANSIBLE_{name}": value for name, value in settings.items()}
        interpreter = f"ansible_python_interpreter={EVERYWHERE}"
        argv = [tool("ansible-playbook"), "-i", f"{folder}/inventory", "-e", interpreter, f"{folder}/play.json"]
        return Call(argv, {**env, "ASKED": str(path), "PYTHONPATH": str(PROJECT), "LC_ALL": "C.UTF-8"})

    return call


def _testinfra(asked: Asked, path: Path) -> Call:
    sockets, config = path.with_name("cp"), path.with_name("testinfra.config")
    sockets.mkdir(exist_ok=True)  # without it, a connection would be made for each check
    config.write_text(f"Host *\n  ControlPath {sockets}/%n\n{Path(asked.config).read_text()}")
    hosts = ",".join(f"ssh://{host}" for host in asked.hosts)
    program = [tool("python"), "-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider"]
    words = [str(RIVALS / "testinfra_checks.py"), f"--hosts={hosts}", f"--ssh-config={config}"]
    return Call([*program, *words], {"ASKED": str(path)})


def ssh(asked: Asked, host: str, *options: str) -> list[str]:
    return ["ssh", "-F", asked.config, "-T", *options, host]


def control(path: Path) -> tuple[str, str]:
    """The option that names the sockets of open master connections."""
    return "-S", f"{path.parent}/m-%n"


def _openssh(asked: Asked, path: Path) -> Call:
    return _all_at_once(asked, path, "-S", "none")


def warm(asked: Asked, path: Path) -> Call:
    return _all_at_once(asked, path, *control(path))


def _all_at_once(asked: Asked, path: Path, *options: str) -> Call:
    """One `ssh` for each host, all at the same time, as a person writes it in the shell."""
    script, out = path.with_name("script"), shlex.quote(asked.out)
    script.write_text(asked.batch)
    lines = [
        f"{shlex.join(ssh(asked, host, *options))} sh <{shlex.quote(str(script))} >{out}/{host} &"
        for host in asked.hosts
    ]
    return Call(["sh", "-c", "\n".join([*lines, "wait"])])


def one(asked: Asked, path: Path) -> Call:
    """`ssh host sh <script`, and nothing else."""
    script, host = path.with_name("script"), asked.hosts[0]
    script.write_text(asked.batch)
    line = f"exec {shlex.join(ssh(asked, host, '-S', 'none'))} sh <{shlex.quote(str(script))} >{asked.out}/{host}"
    return Call(["sh", "-c", line])


def ours(transport: str, times: int = 1) -> Callable[[Asked, Path], Call]:
    return lambda asked, path: Call([sys.executable, "-m", "scripts.benchmark.ours", str(path), transport, str(times)])


PEERS = {
    peer.name: peer
    for peer in (
        Peer("openssh", "OpenSSH, cold, a process a host at once", _openssh, venv=False),
        Peer("asyncssh", "asyncssh, tuned, one exec a host", _module("asyncssh_batch"), 1.2),
        Peer("pyinfra-batch", "pyinfra, hand-batched in one fact", _module("pyinfra_facts", "batch"), 1.05),
        Peer("pyinfra", "pyinfra, a fact a check", _module("pyinfra_facts", "facts"), 0.35),
        Peer("fabric", "Fabric's ThreadingGroup, a run a check", _module("fabric_group"), 0.4),
        Peer("ansible-batch", "Ansible, hand-batched, forks 50", _ansible(True), 0.25, most=MANY),
        Peer("testinfra", "pytest-testinfra over ssh", _testinfra, 0.1, most=MANY, once=MANY),
        Peer("ansible", "Ansible, a task a check, forks 50", _ansible(False), 0.02, most=MANY, once=SMALL),
    )
}


def venv() -> Path:
    return folders.state() / "bench-venv"


def tool(name: str) -> str:
    return str(venv() / "bin" / name)


def install() -> None:
    """The tools in a virtual environment of their own, made once for each set of pinned versions."""
    stamp = venv() / "pinned"
    if stamp.is_file() and stamp.read_text() == PINNED.read_text():
        return
    sys.stderr.write(f"installing {', '.join(PINNED.read_text().split())} into {venv()} ...\n")
    _succeed([sys.executable, "-m", "venv", "--clear", str(venv())])
    _succeed([tool("python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(PINNED)])
    stamp.write_text(PINNED.read_text())


def _succeed(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, env=local_environment(os.environ), capture_output=True, text=True)
    if done.returncode != 0:
        raise Broken(f"{' '.join(argv)} exited {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
