"""What runs on a host over SSH: the same as on this machine, by Fabric and by OpenSSH."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.channels import change
from deploy.channels.change import execute
from deploy.channels.connections import Connections
from deploy.channels.transport import ERR, OUT, Ended, Payload
from deploy.command import Completed, Run, Script
from deploy.endpoints import Ssh
from deploy.errors import CommandFailed
from deploy.question import Shell
from deploy.secret import Secret
from tests.ssh.asking import ask, said, why
from tests.ssh.conftest import KINDS
from tests.ssh.world import Fleet, Host, wait_until

pytestmark = pytest.mark.live


def run(connections: Connections, fleet: Fleet, *argv: str, user: str = "deploy") -> Completed:
    return execute(Run(argv), connections.transport(fleet.address(fleet.hosts[0], user)))


def none_is_left(host: Host, words: str) -> None:
    wait_until(lambda: not host.running(words))


def test_streams_and_exits_arrive_apart(connections: Connections, fleet: Fleet) -> None:
    command = Run(("sh", "-c", "echo out; echo err >&2; exit 3"), exits=frozenset({3}))
    done = execute(command, connections.transport(fleet.address(fleet.hosts[0])))
    assert (done.exit, done.out, done.err) == (3, "out\n", "err\n")
    with pytest.raises(CommandFailed, match="exited 255"):
        run(connections, fleet, "sh", "-c", "exit 255")


@pytest.fixture
def sudoers(fleet: Fleet, tmp_path: Path) -> Iterator[Host]:
    """A host on which `deploy` may become `fish`, and nobody else."""
    rules, host = tmp_path / "sudoers", fleet.hosts[0]
    rules.write_text("deploy ALL=(fish) NOPASSWD: ALL\n")
    rules.chmod(0o440)
    host.run("mount", "--bind", str(rules), "/etc/sudoers")
    yield host
    host.run("umount", "/etc/sudoers")


@pytest.mark.parametrize("kind", KINDS)
def test_what_runs_there_runs_as_the_declared_user(sudoers: Host, fleet: Fleet, kind: str) -> None:
    address = fleet.address(sudoers)
    made = Connections(Ssh(**fleet.settings(transport=kind)), {address: "fish"})
    try:
        assert execute(Script('id -un; echo "$HOME"'), made.transport(address)).out == "fish\n/srv/home/fish\n"
        given = execute(Script("id -un; wc -c"), made.transport(address), payload=Payload(3, [b"abc"]))
        assert given.out.split() == ["fish", "3"]
        with pytest.raises(CommandFailed, match="timed out"):
            execute(Script("sleep 4711", timeout=0.5), made.transport(address))
        none_is_left(sudoers, "sleep 4711")
        assert execute(Script("id -un"), Connections(made.ssh).transport(address)).out == "deploy\n"
    finally:
        made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_sudo_that_wants_a_password_is_told_and_given_none(sudoers: Host, fleet: Fleet, kind: str) -> None:
    address = fleet.address(sudoers)
    made = Connections(Ssh(**fleet.settings(transport=kind)), {address: "root"})
    try:
        with pytest.raises(CommandFailed, match="password"):
            execute(Script("true"), made.transport(address))
    finally:
        made.close()


def test_arguments_arrive_as_they_are(connections: Connections, fleet: Fleet) -> None:
    assert run(connections, fleet, "printf", "%s\n", "a b", "*", "$HOME", "it's", "").out == "a b\n*\n$HOME\nit's\n\n"


def test_bytes_arrive_as_they_are_and_all_of_them(connections: Connections, fleet: Fleet) -> None:
    got = {OUT: b"", ERR: b""}
    script = "{\nprintf '\\000\\377\\n'; yes 0123456789abcde | head -n 65536 >&2; printf end\nexit 7\n}\n"
    transport = connections.transport(fleet.address(fleet.hosts[0]))
    until = time.monotonic() + 60
    ended = transport.run(script, lambda stream, chunk: got.update({stream: got[stream] + chunk}), lambda: until)
    assert ended == Ended(7)
    assert got == {OUT: b"\0\xff\nend", ERR: b"0123456789abcde\n" * 65536}


def test_a_long_script_and_a_payload_arrive_whole(connections: Connections, fleet: Fleet) -> None:
    text = "\n".join(f"x{number}='{'y' * 100}'" for number in range(5000)) + "\necho $x4999"
    transport = connections.transport(fleet.address(fleet.hosts[0]))
    assert execute(Script(text), transport).out == "y" * 100 + "\n"
    chunks = [os.urandom(100_000) for _ in range(40)]
    done = execute(Run(("sha256sum",)), transport, payload=Payload(4_000_000, chunks))
    assert done.out.split()[0] == hashlib.sha256(b"".join(chunks)).hexdigest()


@pytest.mark.parametrize("user", ["fish", "chatty"])
def test_any_login_shell_will_do(connections: Connections, fleet: Fleet, user: str) -> None:
    done = run(connections, fleet, "sh", "-c", "echo out; echo err >&2", user=user)
    assert (done.out, done.err) == ("out\n", "err\n")
    assert [
        said(one) for one in ask(connections.transport(fleet.address(fleet.hosts[0], user)), "id -un", "echo 2")
    ] == [
        f"{user}\n",
        "2\n",
    ]


def test_a_user_without_a_shell_runs_nothing(connections: Connections, fleet: Fleet) -> None:
    address = fleet.address(fleet.hosts[0], "nobody-home")
    with pytest.raises(CommandFailed, match=r"its login shell ended before our script began.*\n?.*was not run"):
        execute(Run(("true",), exits=frozenset({0, 1})), connections.transport(address))
    assert "its login shell ended" in why(ask(connections.transport(address), "true")[0])


def test_a_question_that_hangs_spoils_only_itself_and_leaves_no_process(connections: Connections, fleet: Fleet) -> None:
    host = fleet.hosts[0]
    hangs = Shell("trap '' TERM; sleep 4321", timeout=0.4)
    before, bad, after = ask(connections.transport(fleet.address(host)), "echo before", hangs, "echo after")
    assert (said(before), why(bad), said(after)) == ("before\n", "timed out after 0.4 s", "after\n")
    none_is_left(host, "sleep 4321")


def test_what_a_question_leaves_behind_is_ended_and_spoils_no_other(connections: Connections, fleet: Fleet) -> None:
    host = fleet.hosts[0]
    hidden = "eval \"sleep 4322 $(printf '\\046')\"; echo left"
    answers = ask(
        connections.transport(fleet.address(host)), "sleep 4322 >/dev/null 2>&1 & echo seen", hidden, "echo 3"
    )
    assert [said(answer) for answer in answers] == ["seen\n", "left\n", "3\n"]
    none_is_left(host, "sleep 4322")


def test_a_question_may_kill_its_shell(connections: Connections, fleet: Fleet) -> None:
    answers = ask(
        connections.transport(fleet.address(fleet.hosts[0])), "kill -9 $PPID; sleep 1", "kill -9 $$", "kill 0", "echo 4"
    )
    assert ["killed the shell" in why(answer) for answer in answers[:3]] == [True] * 3
    assert said(answers[3]) == "4\n"


def test_a_service_that_a_change_starts_lives_on(connections: Connections, fleet: Fleet) -> None:
    host = fleet.hosts[0]
    run(connections, fleet, "sh", "-c", "sleep 4323 & sleep 4324 >/dev/null 2>&1 &")
    assert host.running("sleep 4323") and host.running("sleep 4324")
    for pid in host.running("sleep 432"):
        os.kill(pid, 9)


def test_a_timeout_ends_a_change_and_all_that_it_started(
    connections: Connections, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TERM comes first, and gives time to tidy up; what does not care is killed."""
    monkeypatch.setattr(change, "GRACE", 0.3)
    host = fleet.hosts[0]
    tidy = "trap 'echo > /srv/tidied; exit 0' TERM; while :; do sleep 0.02; done"
    stubborn = "trap '' TERM; while :; do sleep 0.1; done # stubborn"
    text = f"echo started; sh -c {shlex.quote(stubborn)} & sh -c {shlex.quote(tidy)}"
    with pytest.raises(CommandFailed, match="timed out") as caught:
        execute(Script(text, timeout=0.5), connections.transport(fleet.address(host)))
    assert caught.value.output == "started"
    assert (host.srv / "tidied").exists()
    none_is_left(host, "stubborn")
    none_is_left(host, "m=")  # nor does anything of ours


def test_no_secret_is_in_any_command_line(connections: Connections, fleet: Fleet) -> None:
    host, canary = fleet.hosts[0], Secret("canary-5d1f0c-over-ssh")
    text = 'test "$KEY" && : > /srv/begun; while [ ! -e /srv/seen ]; do sleep 0.01; done; echo "$KEY"'
    done: list[Completed] = []
    transport = connections.transport(fleet.address(host))
    running = threading.Thread(target=lambda: done.append(execute(Script(text, secrets={"KEY": canary}), transport)))
    running.start()
    wait_until((host.srv / "begun").exists)
    seen = "\n".join(
        [*host.processes().values(), subprocess.run(["ps", "axww"], capture_output=True, text=True).stdout]
    )
    (host.srv / "seen").touch()
    running.join()
    for name in ("begun", "seen"):
        (host.srv / name).unlink()
    assert done[0].out == f"{canary.reveal()}\n"
    assert "sh" in seen and canary.reveal() not in seen


@pytest.mark.parametrize("kind", ["fabric", "openssh"])
def test_when_we_are_killed_our_command_ends_too(fleet: Fleet, kind: str) -> None:
    host = fleet.hosts[0]
    settings = fleet.settings(transport=kind)
    program = f"""
        from deploy.channels.change import execute
        from deploy.channels.connections import Connections
        from deploy.command import Script
        from deploy.endpoints import Ssh
        transport = Connections(Ssh(**{settings!r})).transport({fleet.address(host)!r})
        execute(Script("sleep 4325; true"), transport)
    """
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    ours = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], env=environment)
    wait_until(lambda: host.running("sleep 4325") or ours.poll() is not None)
    assert host.running("sleep 4325")
    ours.kill()
    ours.wait()
    none_is_left(host, "sleep 4325")
    wait_until(lambda: not masters(fleet))


def masters(fleet: Fleet) -> list[str]:
    """Local `ssh` processes of connections whose program was killed, by parent."""
    listed = subprocess.run(["ps", "axww", "-o", "ppid=,args="], capture_output=True, text=True).stdout
    return [line for line in listed.splitlines() if str(fleet.folder) in line and line.split()[0] == "1"]
