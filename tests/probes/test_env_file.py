from __future__ import annotations

from pathlib import Path

import pytest

from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check, check_without_tools

EXAMPLE = (
    "\ufeffPOSTGRES_USER=your_user_here\r\n# a comment\r\nPOSTGRES_PASSWORD=your_password_here\r\nREDIS_PASSWORD=\r\n"
)
GOOD = (
    "\ufeffPOSTGRES_USER='tiki'\r\nexport POSTGRES_PASSWORD=\"k7 # 'x'=y\" # not this\r\nREDIS_PASSWORD=\r\nOTHER=1\r\n"
)
FILES = {"path": "{root}/good", "example": "{root}/example", "may_be_empty": ["REDIS_PASSWORD"]}
STATES = {
    "A=": "empty",
    "A=''": "empty",
    "A= # only a comment": "empty",
    "A=YOUR_password_here": "placeholder",
    "A='changeme'": "placeholder",
    'A="open': "unclosed quote",
    "B=1": "missing",
    "A=short": "shorter than 8",
    "A=long#enough": "set",
    "A=first\nA=the-second-counts": "set",
}

SITUATIONS = [
    Situation("env.file", "holds", PASS, FILES),
    Situation("env.file", "holds-names", PASS, {"path": "{root}/good", "names": ["OTHER"]}),
    Situation("env.file", "fails", FAIL, {**FILES, "path": "{root}/example"}),
    Situation("env.file", "fails-empty", FAIL, {**FILES, "may_be_empty": []}),
    Situation("env.file", "fails-short", FAIL, {**FILES, "shortest": {"POSTGRES_PASSWORD": 12}}),
    Situation("env.file", "missing", UNKNOWN, FILES, without=("awk",)),
    Situation("env.file", "missing-file", UNKNOWN, {**FILES, "path": "{root}/gone"}),
    Situation("env.file", "missing-example", UNKNOWN, {**FILES, "example": "{root}/gone"}),
    Situation("env.file", "denied", UNKNOWN, {**FILES, "path": "{root}/closed"}, as_nobody=True),
]


@pytest.fixture(scope="module")
def files(place: Path) -> Path:
    (place / "example").write_text(EXAMPLE, encoding="utf-8", newline="")
    (place / "good").write_text(GOOD, encoding="utf-8", newline="")
    (place / "closed").write_text(GOOD)
    (place / "closed").chmod(0)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, files: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(files)))
    assert isinstance(question, Shell)
    found = ask_shell(situation, question, files)
    check(situation, [found], files)
    assert "k7" not in str(found)
    check_without_tools(situation, question, files)


@pytest.mark.live
@pytest.mark.parametrize("text", STATES)
def test_each_way_to_write_a_value(text: str, tmp_path: Path) -> None:
    (tmp_path / "env").write_text(text + "\n")
    parameters = {"path": "{root}/env", "names": ["A"], "shortest": {"A": 8}}
    situation = Situation("env.file", "states", PASS, parameters)
    (question,) = asked(situation.made(), situation.scope(str(tmp_path)))
    assert isinstance(question, Shell)
    found = ask_shell(situation, question, tmp_path)
    assert isinstance(found, Output), found
    assert found.out == f"{STATES[text]}\tA\n"
