from __future__ import annotations

from pathlib import Path

import pytest

from deploy.probes.tests import Coverage, Pytest
from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check

SUITE = {"paths": ["tests/test_good.py"], "package": "engine"}
COVER = {**SUITE, "above": 40}

SITUATIONS = [
    Situation("tests.pytest", "holds", PASS, {**SUITE, "at_least": 2}),
    Situation("tests.pytest", "fails", FAIL, {"paths": ["tests/test_bad.py"]}),
    Situation("tests.pytest", "fails-too-few", FAIL, {**SUITE, "at_least": 125}),
    Situation("tests.pytest", "fails-all-skipped", FAIL, {"paths": ["tests/test_skipped.py"]}),
    Situation("tests.pytest", "unknown-import-error", UNKNOWN, {"paths": ["tests/test_broken.py"]}),
    Situation("tests.pytest", "unknown-no-such-file", UNKNOWN, {"paths": ["tests/test_gone.py"]}),
    Situation("tests.pytest", "unknown-no-tests", UNKNOWN, {"paths": ["tests/none.py"]}),
    Situation("tests.pytest", "missing", UNKNOWN, {**SUITE, "python": "{root}/no/python"}),
    Situation("tests.pytest", "missing-pytest", UNKNOWN, {"python": "{root}/bare-python"}),
    Situation("tests.pytest", "missing-cat", UNKNOWN, SUITE, without=("cat",)),
    Situation("tests.pytest", "denied", UNKNOWN, {**SUITE, "cwd": "{root}/closed"}, as_nobody=True),
    Situation("tests.coverage", "holds", PASS, COVER),
    Situation("tests.coverage", "fails", FAIL, {**COVER, "above": 80}),
    Situation("tests.coverage", "unknown-other-package", UNKNOWN, {**COVER, "package": "elsewhere"}),
    Situation("tests.coverage", "missing", UNKNOWN, {**COVER, "python": "{root}/bare-python"}),
    Situation("tests.coverage", "denied", UNKNOWN, {**COVER, "cwd": "{root}/closed"}, as_nobody=True),
]
FILES = {
    "engine/__init__.py": "",
    "engine/core.py": "def double(n):\n    return 2 * n\n\n\ndef never():\n    a = 1\n    b = 2\n    return a + b\n",
    "tests/test_good.py": "from engine.core import double\n\n\ndef test_a(): double(1)\n\n\ndef test_b(): pass\n",
    "tests/test_bad.py": "def test_a(): assert 1 == 2, 'one is not two'\n\n\ndef test_b(): pass\n",
    "tests/test_skipped.py": "from pytest import mark\n\n\n@mark.skip\ndef test_a(): pass\n",
    "tests/test_broken.py": "import not_there\n",
    "tests/none.py": "",
}


@pytest.fixture(scope="module")
def release(place: Path) -> Path:
    for name, text in FILES.items():
        (place / "release" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "release" / name).write_text(text)
    (place / "bare-python").write_text('#!/bin/sh\nexec /usr/bin/env -i PATH="$PATH" ' + BARE)
    (place / "bare-python").chmod(0o755)
    (place / "closed").mkdir(mode=0o700)
    if place.owner() != "root":
        (place / "closed").chmod(0)
    return place


BARE = 'python3 -I -S "$@"\n'


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, release: Path) -> None:
    before = sorted(release.joinpath("release").rglob("*"))
    (question,) = asked(situation.made(), situation.scope(str(release)))
    assert isinstance(question, Shell)
    check(situation, [ask_shell(situation, question, release)], release)
    assert sorted(release.joinpath("release").rglob("*")) == before


def test_one_run_serves_both_items() -> None:
    scope = SITUATIONS[0].scope("/srv")
    assert Pytest(at_least=9, package="engine").ask(scope) == Coverage(package="engine", above=80).ask(scope)


def test_a_crash_without_report_is_broken_not_failed() -> None:
    for text in ("==== exit 1\n", "==== exit 139\n\n==== junit\n<testsuites/>\n", "", "==== exit 0\n==== junit\n<oops"):
        assert Pytest(at_least=1).judge(Output(0, text)).status is UNKNOWN
