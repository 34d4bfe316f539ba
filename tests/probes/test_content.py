from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploy.probes.files import Content
from deploy.question import Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check, check_without_tools

TEXT = b"one\ntwo\n"
SUM = hashlib.sha256(TEXT).hexdigest()
WINDOWS = {"folder": "{root}", "files": {"windows.py": {"size": 8, "sha256": SUM}}}

SITUATIONS = [
    Situation("files.content", "holds", PASS, WINDOWS),
    Situation("files.content", "holds-manifest", PASS, {"folder": "{root}", "manifest": "GOOD.sha256"}),
    Situation("files.content", "fails", FAIL, {"folder": "{root}", "files": {"windows.py": {"size": 10}}}),
    Situation("files.content", "fails-not-there", FAIL, {"folder": "{root}", "files": {"gone.py": {}}}),
    Situation("files.content", "fails-manifest", FAIL, {"folder": "{root}", "manifest": "BAD.sha256"}),
    Situation("files.content", "missing", UNKNOWN, WINDOWS, without=("sha256sum",)),
    Situation("files.content", "missing-manifest", UNKNOWN, {"folder": "{root}", "manifest": "gone"}),
    Situation("files.content", "missing-lines", UNKNOWN, {"folder": "{root}", "manifest": "EMPTY.sha256"}),
    Situation("files.content", "denied", UNKNOWN, {"folder": "{root}", "files": {"closed": {}}}, as_nobody=True),
]


@pytest.fixture(scope="module")
def files(place: Path) -> Path:
    (place / "windows.py").write_bytes(TEXT.replace(b"\n", b"\r\n"))
    (place / "a file").write_bytes(TEXT)
    (place / "GOOD.sha256").write_text(f"{SUM}  windows.py\n{SUM} *a file\r\n")
    (place / "BAD.sha256").write_text(f"{SUM}  windows.py\n{'0' * 64}  a file\n{SUM}  gone.py\n")
    (place / "EMPTY.sha256").touch()
    (place / "closed").write_text("secret")
    (place / "closed").chmod(0)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, files: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(files)))
    assert isinstance(question, Shell)
    check(situation, [ask_shell(situation, question, files)], files)
    check_without_tools(situation, question, files)


def test_what_expects_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="manifest"):
        Content()
