from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.probes.machine import Processes, Schedule
from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check

RUNNING = "probe[-]practice[-]process"
TIMER = {"matches": "engine[.]extraction[.]health", "files": ["{root}/cron.d/*"]}

SITUATIONS = [
    Situation("machine.tools", "holds", PASS, {"tools": ["sh", "git"]}),
    Situation("machine.tools", "fails", FAIL, {"tools": ["sh", "no-such-tool"]}),
    Situation("machine.tools", "denied", UNKNOWN, {"tools": ["sh"]}),
    Situation("machine.processes", "holds", PASS, {"match": ["never[-]started[-]process"]}),
    Situation("machine.processes", "holds-running", PASS, {"match": [RUNNING], "at_least": 1, "at_most": 1}),
    Situation("machine.processes", "fails", FAIL, {"match": [RUNNING]}),
    Situation("machine.processes", "missing", UNKNOWN, {"match": [RUNNING]}, without=("ps",)),
    Situation("machine.processes", "missing-id", UNKNOWN, {"match": [RUNNING]}, without=("id",)),
    Situation("machine.processes", "denied", UNKNOWN, {"match": [RUNNING]}),
    Situation("machine.schedule", "holds", PASS, TIMER, without=("systemctl", "crontab")),
    Situation("machine.schedule", "fails", FAIL, {**TIMER, "matches": "backup"}, without=("systemctl", "crontab")),
    Situation("machine.schedule", "missing", UNKNOWN, {**TIMER, "files": []}, without=("systemctl", "crontab")),
    Situation(
        "machine.schedule", "denied", UNKNOWN, {**TIMER, "files": ["{root}/closed"]}, True, ("systemctl", "crontab")
    ),
]


@pytest.fixture(scope="module")
def machine(place: Path) -> Iterator[Path]:
    (place / "cron.d").mkdir()
    (place / "cron.d" / "engine").write_text("# backup\n0 * * * * app python -m engine.extraction.health --no-color\n")
    (place / "closed").write_text("0 * * * * app python -m engine.extraction.health\n")
    (place / "closed").chmod(0o600 if place.owner() == "root" else 0)
    (place / "profile").touch(mode=0o644)
    name = RUNNING.replace("[-]", "-")
    with subprocess.Popen([sys.executable, "-c", "input()", name], stdin=subprocess.PIPE) as process:
        yield place
        process.kill()


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, machine: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(machine)))
    assert isinstance(question, Shell)
    if situation.case == "denied" and not situation.as_nobody:
        question = Shell(f"'{machine}/profile' || exit\n{question.script}")
    found = ask_shell(situation, question, machine)
    if isinstance(found, Output) and situation.probe == "machine.processes":
        found = Output(found.exit, only_ours(found.out))
    check(situation, [found], machine)


def only_ours(text: str) -> str:
    """The answer without the processes that happen to run here."""
    asking, *lines = text.splitlines()
    kept = [line for line in lines if asking in line.split()[:3] or RUNNING.replace("[-]", "-") in line]
    return "\n".join([asking, *kept, ""])


LISTING = """20
 1 0 1 /sbin/init --match-me
 10 1 10 sh -c match-me
 20 10 20 sh
 21 20 20 ps -ww
 22 20 22 timeout 5 match-me
 23 22 22 python match-me
 30 1 30 python match-me
 31 10 31 python match-me
"""


def test_neither_ancestors_nor_children_of_the_asking_shell_count() -> None:
    verdict = Processes(match=("match-me",)).judge(Output(0, LISTING))
    assert (verdict.status, verdict.found) == (FAIL, "2 of 2")
    assert verdict.evidence == "30: python match-me\n31: python match-me"


def test_a_listing_without_the_asking_shell_is_unknown() -> None:
    assert Processes(match=("x",)).judge(Output(0, "20\n 1 0 1 init\n")).status is UNKNOWN
    assert Processes(match=("x",)).judge(Output(0, "")).status is UNKNOWN


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("asked\tcrontab\n", FAIL),
        ("asked\tcrontab\nentry\t# 0 * * * * health\n", FAIL),
        ("silent\tsystem timers\nasked\tcrontab\nentry\t0 * * * * health\n", PASS),
        ("silent\tsystem timers\nasked\tcrontab\nentry\t0 * * * * other\n", UNKNOWN),
        ("silent\tcrontab\n", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_a_scheduler_that_does_not_answer_proves_nothing(text: str, status: object) -> None:
    assert Schedule(matches="health").judge(Output(0, text)).status is status
