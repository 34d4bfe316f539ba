from __future__ import annotations

from pathlib import Path

import pytest

from deploy.question import Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check, check_without_tools
from .test_git import commit, git

COPY, OLD = "{root}/copy", "{root}/old"

SITUATIONS = [
    Situation("git.branch", "holds", PASS, {"path": COPY, "branch": "main"}),
    Situation("git.branch", "holds-merged", PASS, {"path": COPY, "branch": "merged"}),
    Situation("git.branch", "fails", FAIL, {"path": COPY, "branch": "apart"}),
    Situation("git.branch", "fails-no-branch", FAIL, {"path": COPY, "branch": "nowhere"}),
    Situation("git.branch", "missing", UNKNOWN, {"path": COPY, "branch": "main"}, without=("git",)),
    Situation("git.branch", "denied", UNKNOWN, {"path": "{root}/closed", "branch": "main"}, as_nobody=True),
    Situation("git.behind", "holds", PASS, {"path": COPY}),
    Situation("git.behind", "fails", FAIL, {"path": OLD}),
    Situation("git.behind", "fails-known", FAIL, {"path": "{root}/reset"}),
    Situation("git.behind", "missing", UNKNOWN, {"path": COPY}, without=("git",)),
    Situation("git.behind", "missing-branch", UNKNOWN, {"path": COPY, "branch": "nowhere"}),
    Situation("git.behind", "denied", UNKNOWN, {"path": "{root}/closed"}, as_nobody=True),
]


@pytest.fixture(scope="module")
def copies(place: Path) -> Path:
    origin = place / "origin"
    origin.mkdir()
    git(origin, "init", "-q")
    commit(origin, {"a": "1"})
    git(origin, "branch", "merged")
    git(origin, "checkout", "-q", "-b", "apart")
    commit(origin, {"apart": "1"})
    git(origin, "checkout", "-q", "main")
    git(place, "clone", "-q", str(origin), "old")
    commit(origin, {"a": "2"})
    for name in ("copy", "reset"):
        git(place, "clone", "-q", str(origin), name)
    git(place / "reset", "reset", "-q", "--hard", "HEAD~1")
    (place / "closed").mkdir(mode=0o700)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, copies: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(copies)))
    assert isinstance(question, Shell)
    check(situation, [ask_shell(situation, question, copies)], copies)
    check_without_tools(situation, question, copies)
