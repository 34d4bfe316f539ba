from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from deploy.probes.python import Requirements, requirement_lines
from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check

GONE, CLOSED, BASE = "{root}/no/python", "{root}/closed/python", "{root}/base"
GOOD = {"path": "{root}/good.txt"}

SITUATIONS = [
    Situation("python.version", "holds", PASS, {"at_least": "3.11"}),
    Situation("python.version", "fails", FAIL, {"at_least": "4.0"}),
    Situation("python.version", "unknown-demand", UNKNOWN, {"at_least": "newest"}),
    Situation("python.version", "missing", UNKNOWN, {"python": GONE, "at_least": "3.11"}),
    Situation("python.version", "denied", UNKNOWN, {"python": CLOSED, "at_least": "3.11"}, as_nobody=True),
    Situation("python.isolated", "holds", PASS),
    Situation("python.isolated", "fails", FAIL, {"python": BASE}),
    Situation("python.isolated", "missing", UNKNOWN, {"python": GONE}),
    Situation("python.isolated", "denied", UNKNOWN, {"python": CLOSED}, as_nobody=True),
    Situation("python.requirements", "holds", PASS, GOOD),
    Situation("python.requirements", "fails", FAIL, {"path": "{root}/bad.txt"}),
    Situation("python.requirements", "unknown-include", UNKNOWN, {"path": "{root}/including.txt"}),
    Situation("python.requirements", "unknown-empty", UNKNOWN, {"path": "{root}/comments.txt"}),
    Situation("python.requirements", "missing", UNKNOWN, {**GOOD, "python": GONE}),
    Situation("python.requirements", "missing-file", UNKNOWN, {"path": "{root}/none.txt"}),
    Situation("python.requirements", "denied", UNKNOWN, {**GOOD, "python": CLOSED}, as_nobody=True),
    Situation("python.imports", "holds", PASS, {"modules": ["json", "here"]}),
    Situation("python.imports", "fails", FAIL, {"modules": ["json", "not_there", "broken"]}),
    Situation("python.imports", "missing", UNKNOWN, {"modules": ["json"], "python": GONE}),
    Situation("python.imports", "missing-folder", UNKNOWN, {"modules": ["json"], "cwd": "{root}/none"}),
    Situation("python.imports", "denied", UNKNOWN, {"modules": ["json"], "python": CLOSED}, as_nobody=True),
]


@pytest.fixture(scope="module")
def pythons(place: Path) -> Path:
    (place / "closed").mkdir(mode=0o700)
    (place / "closed" / "python").symlink_to(sys.executable)
    (place / "base").write_text(f'#!/bin/sh\nexec {sys.base_prefix}/bin/python3 "$@"\n')
    (place / "base").chmod(0o755)
    (place / "good.txt").write_text(
        "pytest>=8  # a comment\npydantic[email]>2 ; python_version > '3'\nnope; os_name == 'x'\n"
    )
    (place / "bad.txt").write_text("pytest<1\nno-such-package==1.0 \\\n    --hash=sha256:00\n")
    (place / "including.txt").write_text("pytest\n-r good.txt\n")
    (place / "comments.txt").write_text("# nothing\n\n")
    (place / "release").mkdir()
    (place / "release" / "here.py").write_text("print('noise')\n")
    (place / "release" / "broken.py").write_text("def (:\n")
    if place.owner() != "root":
        (place / "closed").chmod(0)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, pythons: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(pythons)))
    assert isinstance(question, Shell)
    found = ask_shell(situation, question, pythons)
    if isinstance(found, Output) and situation.probe == "python.requirements":
        found = Output(0, slimmed(found.out))
    check(situation, [found], pythons)
    assert not list(pythons.rglob("__pycache__"))


def slimmed(text: str) -> str:
    """The answer with only a few of the packages: what else is installed here is nobody's business."""
    host = json.loads(text)
    kept = {name: found for name, found in host["installed"].items() if name in ("pytest", "iniconfig", "pluggy")}
    kept["pydantic"] = [host["installed"]["pydantic"][0], []]
    kept["pytest"] = [
        kept["pytest"][0],
        ["pluggy<2,>=1.5", "colorama; sys_platform == 'win32'", "attrs; extra == 'dev'"],
    ]
    markers = {**host["markers"], "platform_release": "", "platform_version": ""}
    return json.dumps({"installed": kept, "markers": markers, "text": host["text"]})


def test_a_requirement_of_a_requirement_counts() -> None:
    markers = {"python_version": "3.12", "extra": ""}
    host = {"installed": {"A": ["1.0", ["b_c>=2"]], "B.C": ["1.0", []]}, "markers": markers, "text": "a\n"}
    verdict = Requirements(path="f").judge(Output(0, json.dumps(host)))
    assert (verdict.status, verdict.found) == (FAIL, "b_c (for a): 1.0, not >=2")


def test_prereleases_that_are_installed_count() -> None:
    host = {"installed": {"a": ["2.0rc1", []]}, "markers": {}, "text": "a>=1\n"}
    assert Requirements(path="f").judge(Output(0, json.dumps(host))).status is PASS


def test_requirement_lines_are_bare() -> None:
    text = "a==1 \\\n  --hash=sha256:0 \\\n  --hash=sha256:1\n--index-url x\nb @ https://example.org/b.whl#sha256=0\n"
    assert list(requirement_lines(text)) == ["a==1", "b @ https://example.org/b.whl#sha256=0"]
