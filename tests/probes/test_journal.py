from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.journal import Journal
from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check, check_without_tools

BOTH = {"phases": ["services", "migrate"]}
TRIED = {"kind": "switch.tried", "fields": {"over": True}}
SITUATIONS = [
    Situation("journal.passed", "holds", PASS, {**BOTH, "journal": "{root}/whole.jsonl"}),
    Situation("journal.passed", "fails", FAIL, {**BOTH, "journal": "{root}/held.jsonl"}),
    Situation("journal.passed", "missing", UNKNOWN, {**BOTH, "journal": "{root}/none.jsonl"}),
    Situation("journal.passed", "missing-phase", UNKNOWN, {"phases": ["scale"], "journal": "{root}/whole.jsonl"}),
    Situation("journal.passed", "denied", UNKNOWN, {**BOTH, "journal": "{root}/closed.jsonl"}, as_nobody=True),
    Situation("journal.recorded", "holds", PASS, {**TRIED, "journal": "{root}/whole.jsonl"}),
    Situation("journal.recorded", "fails", FAIL, {**TRIED, "journal": "{root}/held.jsonl"}),
    Situation("journal.recorded", "missing", UNKNOWN, {**TRIED, "journal": "{root}/none.jsonl"}),
    Situation("journal.recorded", "denied", UNKNOWN, {**TRIED, "journal": "{root}/closed.jsonl"}, as_nobody=True),
    Situation("journal.status", "holds", PASS, {"journal": "{root}/whole.jsonl"}),
    Situation("journal.status", "holds-with-warnings", PASS, {"journal": "{root}/warned.jsonl"}),
    Situation("journal.status", "fails", FAIL, {"journal": "{root}/held.jsonl"}),
    Situation("journal.status", "missing", UNKNOWN, {"journal": "{root}/whole.jsonl"}, without=("grep",)),
    Situation("journal.status", "denied", UNKNOWN, {"journal": "{root}/closed.jsonl"}, as_nobody=True),
]


def journal(path: Path, severity: str = "critical", status: str = "pass", gate: str = "phase.passed") -> None:
    """A journal of two phases, the second of which ends as told; its texts look like records."""
    made = Journal(path)
    for phase, kind, how in (("services", "phase.passed", "pass"), ("migrate", gate, status)):
        row = {"item": phase, "title": '"kind":"phase.held"', "phase": phase, "severity": severity, "status": how}
        made.append("checked", phase=phase, results=[row])
        made.append(kind, phase=phase)
    made.append("switch.tried", over=gate == "phase.passed")


@pytest.fixture(scope="module")
def journals(place: Path) -> Path:
    journal(place / "whole.jsonl")
    journal(place / "warned.jsonl", "warning", "fail")
    journal(place / "held.jsonl", status="fail", gate="phase.held")
    journal(place / "closed.jsonl")
    (place / "closed.jsonl").chmod(0o600)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, journals: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(journals)))
    assert isinstance(question, Shell)
    check(situation, [ask_shell(situation, question, journals)], journals)
    check_without_tools(situation, question, journals)


def test_warnings_are_named_as_the_status_is_told() -> None:
    row = {"item": "cpu", "title": "", "phase": "scale", "severity": "warning", "status": "fail"}
    line = json.dumps({"kind": "checked", "phase": "scale", "results": [row]})
    verdict = Situation("journal.status", "", PASS).made().judge(Output(0, line))
    assert (verdict.found, verdict.evidence) == ("needs fixes", "cpu: fail")
