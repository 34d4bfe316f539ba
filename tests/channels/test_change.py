"""One command on a host: what it gets, what it may do, and how it ends."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.channels import change
from deploy.channels.change import execute
from deploy.channels.transport import Local
from deploy.command import Completed, Run, Script
from deploy.errors import CommandFailed, ConfigError
from deploy.secret import Secret


def run(*argv: str, **options: Any) -> Completed:
    return execute(Run(argv, **options), Local())


def script(text: str, **options: Any) -> Completed:
    return execute(Script(text, **options), Local())


def gone(pid: int) -> bool:
    """Whether a process has ended, though nobody may have waited for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until_gone(pid: int) -> None:
    until = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < until, f"process {pid} is still there"
        time.sleep(0.01)


def test_a_command_gets_its_folder_variables_and_secrets(tmp_path: Path) -> None:
    folder = tmp_path / "it's here"
    folder.mkdir()
    text = 'printf "%s|%s|%s" "$PWD" "$OPEN" "$HIDDEN"; echo note >&2'
    done = run("sh", "-c", text, cwd=str(folder), env={"OPEN": "a 'b' $c"}, secrets={"HIDDEN": Secret("can'ary-x")})
    assert (done.exit, done.out, done.err) == (0, f"{folder}|a 'b' $c|can'ary-x", "note\n")


def test_arguments_arrive_as_they_are() -> None:
    assert run("printf", "%s\n", "a b", "*", "$HOME", "it's", "").out == "a b\n*\n$HOME\nit's\n\n"


def test_standard_input_is_empty() -> None:
    assert run("cat").out == ""


def test_a_script_stops_at_its_first_error() -> None:
    with pytest.raises(CommandFailed) as caught:
        script("echo before\nfalse\necho after")
    assert (caught.value.exited, caught.value.output) == (1, "before")


def test_legal_exits_are_no_failure() -> None:
    assert run("sh", "-c", "exit 3", exits=frozenset({0, 3})).exit == 3
    with pytest.raises(CommandFailed, match="exited 4"):
        run("sh", "-c", "exit 4", exits=frozenset({0, 3}))


def test_a_folder_that_is_not_there_is_never_legal() -> None:
    with pytest.raises(CommandFailed, match="no-such-folder"):
        run("true", cwd="/no-such-folder", exits=frozenset(range(256)))


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(CommandFailed, match="not found"):
        run("no-such-command")


def test_the_path_comes_first(tmp_path: Path) -> None:
    tool = tmp_path / "our-tool"
    tool.write_text("#!/bin/sh\necho ours\n")
    tool.chmod(0o755)
    assert execute(Run(("our-tool",)), Local(), (str(tmp_path),)).out == "ours\n"


def test_lines_come_as_they_are_printed_and_masked() -> None:
    lines: list[str] = []
    secret = Secret("canary-90210")
    text = 'echo one; echo "two $KEY" >&2; sleep 0.05; printf three'
    done = execute(Script(text, secrets={"KEY": secret}), Local(), (), lines.append)
    assert sorted(lines[:2]) == ["one", "two ***"] and lines[2] == "three"
    assert done.err == "two canary-90210\n"  # the step that asked for it may read it


def test_a_failure_carries_the_last_lines_masked() -> None:
    secret = Secret("canary-80211")
    with pytest.raises(CommandFailed) as caught:
        script('i=0; while [ $i -lt 50 ]; do i=$((i+1)); echo "line $i $KEY"; done; exit 9', secrets={"KEY": secret})
    text = str(caught.value)
    assert "line 50 ***" in text and "line 1 " not in text and "canary" not in text


def test_a_secret_in_the_command_itself_is_masked_in_the_failure() -> None:
    Secret("canary-70212")
    with pytest.raises(CommandFailed) as caught:
        run("false", "canary-70212")
    assert str(caught.value) == "false '***': exited 1" or "canary" not in str(caught.value)


def test_a_timeout_ends_the_command_and_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change, "GRACE", 0.2)
    pids = tmp_path / "pids"
    stubborn = f"trap '' TERM; echo $$ >> {pids}; while :; do sleep 0.1; done"
    text = f"echo started; sh -c {shlex.quote(stubborn)} & echo $! >> {pids}; wait"
    with pytest.raises(CommandFailed, match="timed out") as caught:
        script(text, timeout=0.3)
    assert caught.value.exited is None and caught.value.output == "started"
    for pid in {int(line) for line in pids.read_text().split()}:
        wait_until_gone(pid)


def test_term_comes_first(tmp_path: Path) -> None:
    tidied = tmp_path / "tidied"
    with pytest.raises(CommandFailed, match="timed out"):
        script(f"trap 'echo > {tidied}; exit 0' TERM; while :; do sleep 0.02; done", timeout=0.2)
    assert tidied.exists()


def test_a_service_that_a_command_starts_lives_on(tmp_path: Path) -> None:
    pid = int(script("sleep 60 >/dev/null 2>&1 & echo $!").out)
    assert not gone(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_service_that_holds_the_output_does_not_hold_us() -> None:
    pid = int(script("sleep 60 & echo $!").out)
    assert not gone(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_long_script_arrives_whole() -> None:
    text = "\n".join(f"x{number}='{'y' * 100}'" for number in range(5000)) + "\necho $x4999"
    assert script(text).out == "y" * 100 + "\n"


def test_more_output_than_is_kept_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change, "MOST", 1000)
    assert len(run("sh", "-c", "yes | head -n 5000").out) == 1000


def test_a_name_that_no_variable_can_have_is_an_error() -> None:
    with pytest.raises(ConfigError, match="MY-KEY"):
        run("true", env={"MY-KEY": "x"})


def test_when_we_are_killed_our_command_ends_too(tmp_path: Path) -> None:
    """Whoever resumes must not meet a command of the deployment that died."""
    pid_file = tmp_path / "pid"
    program = f"""
        from deploy.channels.change import execute
        from deploy.channels.transport import Local
        from deploy.command import Script
        execute(Script("echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; sleep 120; true"), Local())
    """
    ours = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    while not pid_file.exists():
        assert ours.poll() is None
        time.sleep(0.01)
    ours.kill()
    ours.wait()
    wait_until_gone(int(pid_file.read_text()))
