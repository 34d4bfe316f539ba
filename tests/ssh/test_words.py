"""What needs no host: addresses, frames around a script, known_hosts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import paramiko
import pytest

from deploy.channels.addresses import Address, parse
from deploy.channels.hostkeys import KnownHosts, fingerprint
from deploy.channels.remote import Framed, command_line
from deploy.channels.transport import ERR, OUT, Payload, shell_for
from deploy.errors import ConfigError, Unreachable
from deploy.reports import hosts as table
from tests.ssh.machine import wait_until


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("app1", Address("app1")),
        ("deploy@app1.example.com:2222", Address("app1.example.com", "deploy", 2222)),
        ("10.0.0.1:22", Address("10.0.0.1", None, 22)),
        ("[::1]:22", Address("::1", None, 22)),
        ("user@[fe80::1%eth0]:2222", Address("fe80::1%eth0", "user", 2222)),
        ("[::1]", Address("::1")),
    ],
)
def test_hosts_are_written_as_ssh_writes_them(written: str, address: Address) -> None:
    assert parse(written) == address


@pytest.mark.parametrize(
    "written", ["", "a b", "user@", "::1", "a:0", "a:70000", "a:x", "-oProxyCommand=x", "-x@a", "a/b"]
)
def test_what_is_no_host_is_refused(written: str) -> None:
    with pytest.raises(ConfigError, match="is no host"):
        parse(written)


MARK = "0123456789abcdef0123456789abcdef"


def framed(*chunks: tuple[int, bytes]) -> tuple[Framed, dict[int, bytes]]:
    got = {OUT: b"", ERR: b""}
    frame = Framed(MARK, lambda stream, chunk: got.update({stream: got[stream] + chunk}))
    for stream, chunk in chunks:
        frame.take(stream, chunk)
    return frame, got


SPOKEN = f"Welcome!\n{MARK} begin\nout {MARK} x\n0123{MARK} 17\nleft behind\n".encode()


@pytest.mark.parametrize("size", [1, 2, 7, 33, 1000])
def test_marks_are_found_however_the_output_is_cut(size: int) -> None:
    chunks = [SPOKEN[at : at + size] for at in range(0, len(SPOKEN), size)]
    frame, got = framed(*((stream, chunk) for chunk in chunks for stream in (OUT, ERR)))
    assert frame.exit == 17
    assert got == dict.fromkeys((OUT, ERR), f"out {MARK} x\n0123".encode())


def test_a_script_that_never_began_leaves_what_was_said() -> None:
    frame, got = framed((OUT, b"This account is not available.\n"))
    assert (frame.exit, frame.begun, got[OUT]) == (None, set(), b"")
    assert frame.greeting == "This account is not available."


def test_what_looked_like_a_mark_is_passed_on_in_the_end() -> None:
    frame, got = framed((OUT, f"{MARK} begin\nend {MARK[:9]}".encode()))
    frame.finish()
    assert got[OUT] == f"end {MARK[:9]}".encode()


@pytest.mark.parametrize("payload", [None, 5])
def test_the_line_for_login_shells_is_quoted_once(payload: int | None) -> None:
    shell = shell_for("{\nexit 3\n}\n", Payload(payload, []) if payload else None)
    line = command_line(MARK, shell, 5, 0, ("kill -HUP $g\n", ""))
    assert line.startswith("exec sh -c '") and line.count("'") == 2 and line.endswith("'")
    done = subprocess.run(["sh", "-c", line], input="{\nexit 3\n}\n", capture_output=True, text=True)
    assert done.stdout == done.stderr == f"{MARK} begin\n{MARK} 3\n"


def test_what_watches_over_a_script_ends_with_it(tmp_path: Path) -> None:
    """Even where TERM comes to nothing, as when its `sleep` is just being started."""
    deaf = tmp_path / "sleep"
    deaf.write_text(f'#!/bin/sh\ntrap "" TERM\ntouch {tmp_path}/sleeping\nexec {shutil.which("sleep")} "$@"\n')
    deaf.chmod(0o755)
    script = f"until [ -e {tmp_path}/sleeping ]; do :; done\nexit 3\n"
    line = command_line(MARK, "sh", 60, 0, ("kill -HUP $g\n", ""))
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    argv = ["sh", "-c", line]
    with subprocess.Popen(argv, stdin=-1, stdout=-1, stderr=-1, env=environ, start_new_session=True) as process:
        process.communicate(script.encode())
    assert process.returncode == 3
    wait_until(lambda: not group(process.pid))


def group(leader: int) -> bool:
    """Whether any process of a group is there."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def keys() -> list[paramiko.PKey]:
    return [paramiko.ECDSAKey.generate() for _ in range(2)]


def test_known_hosts_hashed_several_and_revoked(tmp_path: Path) -> None:
    one, two = keys()
    hashed = paramiko.HostKeys.hash_host("[far]:2222")
    path = tmp_path / "known_hosts"
    lines = [f"{hashed} {one.get_name()} {one.get_base64()}", f"APP,10.0.0.1 {one.get_name()} {one.get_base64()}"]
    lines += ["# a comment", "broken ecdsa-sha2-nistp256 !!!", f"app {one.get_name()} {two.get_base64()}"]
    path.write_text("\n".join([*lines, f"@revoked * {one.get_name()} {two.get_base64()}", ""]))
    known = KnownHosts.read(path)
    assert known.of("[far]:2222") == [one] and known.of("app") == [one, two] and known.of("broken") == []
    known.check("10.0.0.1", one, "host")
    for name, key, why in (("far", one, "not in"), ("10.0.0.1", two, "revoked"), ("app", two, "revoked")):
        with pytest.raises(Unreachable, match=why):
            known.check(name, key, "host")


def test_a_changed_key_names_both(tmp_path: Path) -> None:
    one, two = keys()
    known = KnownHosts(tmp_path / "known_hosts")
    known.add("app", [one])
    with pytest.raises(Unreachable) as caught:
        known.check("app", two, "deploy@app")
    assert fingerprint(one) in caught.value.why and fingerprint(two) in caught.value.why
    assert KnownHosts.read(known.path).of("app") == [one]


def test_a_command_of_a_lost_host_is_named() -> None:
    error = Unreachable("app", "the connection was lost", lost=True).during("make")
    assert str(error) == "app: the connection was lost; it is not known whether `make` ran to its end"
    assert str(Unreachable("app", "refused", "Start it.")) == "app: refused\n  Start it."


def test_the_table_of_hosts() -> None:
    up = {"host": "a", "roles": ["app"], "reachable": True, "round_trip_ms": 3.5, "os": "Debian", "python": "3.11.2"}
    down = {"host": "deploy@b", "roles": ["app", "w"], "reachable": False, "why": "refused", "fix": "Start it."}
    assert table.text([{**up, "skew": 0.0, "within": 0.01}, down]) == (
        "host      roles   round trip  os      python  clock\n"
        "a         app     3.5 ms      Debian  3.11.2  +0.00 s (±0.01)\n"
        "deploy@b  app, w  UNREACHABLE  refused\n    Start it.\n"
    )
