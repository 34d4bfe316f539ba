from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.errors import ConfigError
from deploy.probes.command import Prints
from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check

REPORT = {"run": ["cat", "report.txt"]}
FAILED = {**REPORT, "matches": r"^Failed: +(?P<value>\d+)$"}

SITUATIONS = [
    Situation("command.output", "holds", PASS, {"run": ["true"]}),
    Situation("command.output", "holds-value", PASS, {**FAILED, "at_most": 2}),
    Situation("command.output", "holds-all-output", PASS, {"run": ["printf", "12.5\n"], "below": 13}),
    Situation("command.output", "holds-script", PASS, {"script": "count.sh", "matches": "^it's 2 'files'$"}),
    Situation(
        "command.output", "holds-script-with", PASS, {"script": "add.py", "with": ["{python}", "-", "2"], "equals": 4}
    ),
    Situation("command.output", "holds-other-exit", PASS, {"run": ["sh", "-c", "exit 4"], "exits": [0, 4]}),
    Situation("command.output", "fails", FAIL, {**FAILED, "equals": 0}),
    Situation("command.output", "fails-no-match", FAIL, {**REPORT, "matches": "^Status: HEALTHY"}),
    Situation("command.output", "fails-absent", FAIL, {**REPORT, "absent": "Traceback|Failed"}),
    Situation("command.output", "fails-by-exit", FAIL, {"run": ["sh", "-c", "echo no >&2; exit 1"], "fails": [1]}),
    Situation("command.output", "unknown-exit", UNKNOWN, {"run": ["false"]}),
    Situation(
        "command.output", "unknown-no-value", UNKNOWN, {**REPORT, "matches": r"Cost: (?P<value>\d+)", "below": 1}
    ),
    Situation("command.output", "unknown-text", UNKNOWN, {"run": ["echo", "many"], "below": 1}),
    Situation("command.output", "missing", UNKNOWN, {"run": ["no-such-tool"]}),
    Situation("command.output", "missing-folder", UNKNOWN, {"run": ["true"], "cwd": "{root}/none"}),
    Situation("command.output", "denied", UNKNOWN, {"run": ["{root}/profile"]}),
]


@pytest.fixture(scope="module")
def system(place: Path) -> Path:
    for folder in ("release", "system"):
        (place / folder).mkdir()
    (place / "release" / "report.txt").write_text("Records: 10\nFailed:  2\nStatus: CRITICAL\n")
    (place / "system" / "count.sh").write_text("set -- a b\necho \"it's $# 'files'\"\n")
    (place / "system" / "add.py").write_text("import sys\nprint(2 + int(sys.argv[1]))\n")
    (place / "profile").touch(mode=0o644)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, system: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(system)))
    assert isinstance(question, Shell)
    check(situation, [ask_shell(situation, question, system)], system)


@pytest.mark.parametrize("given", [{}, {"run": ["true"], "script": "a.sh"}])
def test_there_is_one_way_to_say_what_is_run(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="either"):
        Prints.model_validate(given)


def test_a_script_that_is_not_there_is_an_error_of_the_checklist() -> None:
    with pytest.raises(ConfigError, match=r"system/gone\.sh"):
        Prints(script="gone.sh").ask(SITUATIONS[0].scope("/srv"))


def test_an_empty_output_is_no_number() -> None:
    assert Prints(run=("true",), at_most=0).judge(Output(0, "")).status is UNKNOWN


def test_people_read_which_value_is_expected_and_not_how_it_is_found() -> None:
    def expected(**given: Any) -> str:
        return Prints(run=("true",), **given).judge(Output(0, "x: 4")).expected

    assert expected(matches=r"x: (?P<value>\d+)", below=3) == "exit 0 and a value in its output below 3"
    assert expected(matches=r"x: \d+") == r"exit 0 and output matching /x: \d+/"
    assert expected(matches="(?P<value>x)") == "exit 0 and output matching /(?P<value>x)/"
    assert expected(equals="x: 4", absent="y") == "exit 0 and none matching /y/ and equal to x: 4"
