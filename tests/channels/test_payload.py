"""What a command gets on its standard input: all of it, and nothing else, whichever shell reads the script."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.channels import transport
from deploy.channels.change import execute
from deploy.channels.transport import Local, Payload
from deploy.command import Completed, Run, Script
from deploy.errors import CommandFailed
from deploy.secret import Secret

pytestmark = pytest.mark.live  # real processes, and a shell that not every machine has

BYTES = random.Random(7).randbytes(3_000_000)
SHELLS = {
    "dash": "exec dash",
    "bash": "exec bash",
    "bash as sh": "exec bash --posix",
    "busybox": "exec busybox sh",
}


def send(text: str, given: bytes, **options: Any) -> Completed:
    return execute(Script(text, **options), Local(), payload=pieces(given))


def pieces(given: bytes, size: int = 70_000) -> Payload:
    return Payload(len(given), (given[at : at + size] for at in range(0, len(given), size)))


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A PATH whose `sh` is the shell in question, and whose tools are its own where it brings some."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sh").write_text(f'#!/bin/dash\n{SHELLS[request.param]} "$@"\n')
    for name in ("dd", "head"):
        if request.param == "busybox":
            (tools / name).write_text(f'#!/bin/dash\nexec busybox {name} "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    return str(request.param)


def ours(word: str) -> Callable[[], list[str]]:
    """The processes that have a word in their environment or command line and are alive."""

    def alive() -> list[str]:
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                said = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
                if word.encode() in said and int(place.name) != os.getpid():
                    found.append(said.decode(errors="replace"))
        return found

    return alive


def wait_for(look: Callable[[], list[str]], wanted: list[str]) -> bool:
    until = time.monotonic() + 20
    while look() != wanted:
        assert time.monotonic() < until, look()
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("size", [0, 1, 4096, 8193, len(BYTES)])
def test_all_of_it_arrives_and_nothing_else(shell: str, size: int) -> None:
    given = BYTES[:size]
    done = send("sha256sum; printf '%s' \"$KEY\" >&2", given, secrets={"KEY": Secret("can'ary-é")})
    assert done.out.split()[0] == hashlib.sha256(given).hexdigest()
    assert done.err == "can'ary-é"


def test_a_command_that_does_not_want_it_ends_at_once(shell: str) -> None:
    assert send("head -c 10 >/dev/null; echo enough; exit 3", BYTES, exits=frozenset({3})).out == "enough\n"
    with pytest.raises(CommandFailed, match="exited 7") as caught:
        send("echo no >&2; exit 7", BYTES)
    assert caught.value.output == "no"


def test_a_command_may_read_all_and_take_its_time(shell: str) -> None:
    assert send("cat >/dev/null; sleep 0.1; echo done", b"x").out == "done\n"


def test_a_process_gets_it_as_well(tmp_path: Path) -> None:
    assert execute(Run(("cat",), cwd=str(tmp_path)), Local(), payload=pieces(b"text")).out == "text"
    with pytest.raises(CommandFailed, match="no-such-folder"):
        execute(Run(("cat",), cwd="/no-such-folder", exits=frozenset(range(256))), Local(), payload=pieces(b"text"))


def test_a_script_that_was_cut_off_is_not_run(shell: str, tmp_path: Path) -> None:
    script = f"{{\ntouch {tmp_path}/one\ntouch {tmp_path}/two\nexit 0\n}}\n"
    command = transport.shell_for(script, pieces(b""))
    done = subprocess.run(["sh", "-c", command], input=script[:-20].encode(), capture_output=True, check=False)
    assert done.returncode != 0
    assert not (tmp_path / "one").exists()


def test_it_ends_with_its_time_and_leaves_nothing(shell: str, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="timed out"):
        send(f"echo $$ >{tmp_path}/pid; sleep 60", BYTES, timeout=0.3)
    assert wait_for(ours(str(tmp_path)), [])


@pytest.mark.parametrize("size", [3_000_000, 5_000_000])
def test_when_the_connection_is_lost_the_command_ends(shell: str, size: int, tmp_path: Path) -> None:
    """Both while the payload is on its way, and when all of it is there."""
    program = f"""
        import time
        from deploy.channels.change import execute
        from deploy.channels.transport import Local, Payload
        from deploy.command import Script
        def chunks():
            yield bytes(3_000_000)
            if {size} > 3_000_000: time.sleep(60)
        text = "head -c 2900000 >/dev/null; touch {tmp_path}/there; cat >/dev/null; sleep 60; touch {tmp_path}/late"
        execute(Script(text), Local(), payload=Payload({size}, chunks()))
    """
    place = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], env=place) as operator:
        try:
            assert wait_for((lambda: [str((tmp_path / "there").exists())]), ["True"])
        finally:
            operator.kill()
    assert wait_for(ours(str(tmp_path)), [])
    assert not (tmp_path / "late").exists()
