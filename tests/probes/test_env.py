from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.probes.env import Set
from deploy.question import Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check

REAL = {"API_KEY": "k-exchange-home-3f9a'$(echo no)`x`\"*", "DATABASE_URL": "postgresql://app:s3cr3t@db:5432/app"}
SQLITE = {"DATABASE_URL": "file:../web/dev.db"}
URL = {"names": ["DATABASE_URL"], "starts_with": ["postgresql://", "postgres://"]}
FAKES = ["YOUR_KEY_HERE", "changeme", "Change-Me", "<your key>", "xxxxxxxx", "TODO", "paste_it_here", "placeholder"]

SITUATIONS = [
    Situation("env.set", "holds", PASS, {"names": ["API_KEY", "DATABASE_URL"]}, env=REAL),
    Situation("env.set", "holds-start", PASS, URL, env=REAL),
    Situation("env.set", "fails", FAIL, {"names": ["API_KEY", "NOT_THERE"]}, env=REAL),
    Situation("env.set", "fails-start", FAIL, URL, env=SQLITE),
    Situation("env.set", "fails-placeholder", FAIL, {"names": ["API_KEY"]}, env={"API_KEY": FAKES[0]}),
    Situation("env.set", "denied", UNKNOWN, {"names": ["API_KEY"]}, env=REAL),
]


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, place: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(place)))
    assert isinstance(question, Shell) and question.app
    if situation.case == "denied":
        (place / "profile").mkdir(exist_ok=True)
        question = Shell(f"'{place}/profile'\n_c=$?; [ $_c = 0 ] || exit $_c\n{question.script}", app=True)
    found = ask_shell(situation, question, place)
    verdict = check(situation, [found], place)
    assert not any(value in f"{found}{verdict}" for value in situation.env.values())


@pytest.mark.live
@pytest.mark.parametrize("fake", FAKES)
def test_placeholders_in_any_case(fake: str, place: Path) -> None:
    situation = Situation("env.set", "fake", FAIL, {"names": ["API_KEY"]}, env={"API_KEY": fake})
    (question,) = asked(situation.made(), situation.scope(str(place)))
    assert isinstance(question, Shell)
    assert situation.made().judge(ask_shell(situation, question, place)).found == "API_KEY: placeholder"


def test_a_name_cannot_carry_commands() -> None:
    with pytest.raises(ValidationError):
        Set(names=("A; rm -rf x",))
