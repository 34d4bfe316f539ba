from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.probes.release import Intact
from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check, check_without_tools

SITUATIONS = [
    Situation("release.intact", "holds", PASS, {"release": "{root}/whole"}),
    Situation("release.intact", "fails", FAIL, {"release": "{root}/changed"}),
    Situation("release.intact", "fails-file-gone", FAIL, {"release": "{root}/shrunk"}),
    Situation("release.intact", "missing", UNKNOWN, {"release": "{root}/whole"}, without=("sha256sum",)),
    Situation("release.intact", "missing-list", UNKNOWN, {"release": "{root}"}),
    Situation("release.intact", "denied", UNKNOWN, {"release": "{root}/partly"}, as_nobody=True),
]


@pytest.fixture(scope="module")
def releases(place: Path) -> Path:
    for name in ("whole", "changed", "shrunk", "partly"):
        (place / name / "engine").mkdir(parents=True)
        (place / name / "engine" / "a b.py").write_text("print(1)\n")
        (place / name / "README: first.md").write_text("text\n")
        listed = "find . -type f ! -name '.release.*' -exec sha256sum {} + >.release.sha256"
        subprocess.run(["sh", "-c", listed], cwd=place / name, check=True)
    (place / "changed" / "engine" / "a b.py").write_text("print(2)\n")
    (place / "shrunk" / "README: first.md").unlink()
    (place / "partly" / "README: first.md").chmod(0o600 if place.owner() == "root" else 0)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, releases: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(releases)))
    assert isinstance(question, Shell)
    check(situation, [ask_shell(situation, question, releases)], releases)
    check_without_tools(situation, question, releases)


@pytest.mark.parametrize("text", ["", "listed\t2\n", "whole\ta\nlisted\t2\n", "whole\ta\n"])
def test_an_incomplete_look_is_unknown(text: str) -> None:
    assert Intact().judge(Output(0, text)).status is UNKNOWN
