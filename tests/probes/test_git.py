from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.probes.git import Secrets
from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check, check_without_tools

KEY = "sk-ant-" + "a1B2" * 8
URL = "postgresql://app:" + "hunter22@db/app"
CLEAN, LEAKY, BARE = "{root}/clean", "{root}/leaky", "{root}/bare.git"
SECRET = {"paths": [".env", "config/sources.yaml"]}

SITUATIONS = [
    Situation("git.at", "holds", PASS, {"commit": "abc123"}),
    Situation("git.at", "fails", FAIL, {"commit": "def456"}),
    Situation("git.at", "missing", UNKNOWN, {"commit": "abc123"}, without=("cat",)),
    Situation("git.at", "missing-mark", UNKNOWN, {"commit": "abc123", "release": "{root}/clean"}),
    Situation("git.at", "denied", UNKNOWN, {"commit": "abc123", "release": "{root}/closed"}, as_nobody=True),
    Situation("git.clean", "holds", PASS, {"path": CLEAN}),
    Situation("git.clean", "fails", FAIL, {"path": "{root}/edited"}),
    Situation("git.clean", "missing", UNKNOWN, {"path": CLEAN}, without=("git",)),
    Situation("git.clean", "denied", UNKNOWN, {"path": "{root}/closed"}, as_nobody=True),
    Situation("git.ignored", "holds", PASS, {"repository": CLEAN, **SECRET}),
    Situation("git.ignored", "holds-bare", PASS, {"repository": BARE, **SECRET}),
    Situation("git.ignored", "fails", FAIL, {"repository": CLEAN, "paths": ["notes.txt"]}),
    Situation("git.ignored", "fails-tracked", FAIL, {"repository": LEAKY, "paths": [".env"]}),
    Situation("git.ignored", "missing", UNKNOWN, {"repository": CLEAN, **SECRET}, without=("git",)),
    Situation("git.ignored", "missing-mktemp", UNKNOWN, {"repository": CLEAN, **SECRET}, without=("mktemp",)),
    Situation("git.ignored", "missing-mkdir", UNKNOWN, {"repository": CLEAN, **SECRET}, without=("mkdir",)),
    Situation("git.ignored", "fails-some", FAIL, {"repository": CLEAN, "paths": [".env", "app.py", "my notes"]}),
    Situation("git.ignored", "missing-commit", UNKNOWN, {"repository": CLEAN, "commit": "nowhere", **SECRET}),
    Situation("git.ignored", "denied", UNKNOWN, {"repository": "{root}/closed", **SECRET}, as_nobody=True),
    Situation("git.secrets", "holds", PASS, {"repository": CLEAN}),
    Situation("git.secrets", "holds-bare", PASS, {"repository": BARE}),
    Situation("git.secrets", "holds-in-the-tree", PASS, {"repository": LEAKY, "history": False, "allow": [":[.]env:"]}),
    Situation(
        "git.secrets", "holds-allowed", PASS, {"repository": LEAKY, "allow": [":old.py:", ":[.]env:", "app:hunter"]}
    ),
    Situation("git.secrets", "fails", FAIL, {"repository": LEAKY}),
    Situation("git.secrets", "fails-in-the-tree", FAIL, {"repository": LEAKY, "history": False}),
    Situation("git.secrets", "unknown-shallow", UNKNOWN, {"repository": "{root}/shallow"}),
    Situation("git.secrets", "unknown-allowance", UNKNOWN, {"repository": LEAKY, "allow": ["a(b"]}),
    Situation("git.secrets", "unknown-pattern", UNKNOWN, {"repository": CLEAN, "patterns": {"odd": "a(b"}}),
    Situation(
        "git.secrets", "unknown-pattern-in-parts", UNKNOWN, {"repository": CLEAN, "patterns": {"a": "x(y", "b": "z)"}}
    ),
    Situation("git.secrets", "fails-by-name", FAIL, {"repository": LEAKY, "patterns": {"a": "x = [0-9]", "b": "sk-"}}),
    Situation("git.secrets", "missing", UNKNOWN, {"repository": CLEAN}, without=("git",)),
    Situation("git.secrets", "missing-grep", UNKNOWN, {"repository": LEAKY, "allow": ["x"]}, without=("grep",)),
    Situation("git.secrets", "missing-sed", UNKNOWN, {"repository": LEAKY}, without=("sed",)),
    Situation("git.secrets", "missing-sort", UNKNOWN, {"repository": LEAKY}, without=("sort",)),
    Situation("git.secrets", "missing-wc", UNKNOWN, {"repository": LEAKY}, without=("wc",)),
    Situation("git.secrets", "denied", UNKNOWN, {"repository": "{root}/closed"}, as_nobody=True),
]


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


def commit(folder: Path, files: dict[str, str | None]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink() if text is None else path.write_text(text)
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "-m", "a change")


@pytest.fixture(scope="module")
def repositories(place: Path) -> Path:
    for name in ("clean", "leaky"):
        (place / name).mkdir()
        git(place / name, "init", "-q")
    commit(place / "clean", {".gitignore": ".env\n", "config/.gitignore": "sources.yaml\n", "app.py": "print(1)\n"})
    commit(place / "leaky", {".env": f"URL={URL}\n", "old.py": f"x = 1\nkey = '{KEY}'\n"})
    commit(place / "leaky", {"old.py": None, "app.py": "x = 1\n"})
    subprocess.run(["git", "clone", "-q", "--bare", place / "clean", place / "bare.git"], check=True)
    subprocess.run(["git", "clone", "-q", place / "clean", place / "edited"], check=True)
    (place / "edited" / "new.txt").touch()
    (place / "closed").mkdir(mode=0o700)
    commit(place / "clean", {"app.py": "print(2)\n"})
    url = f"file://{place / 'clean'}"
    subprocess.run(["git", "clone", "-q", "--depth", "1", url, place / "shallow"], check=True)
    (place / "release").mkdir()
    (place / "release" / ".release.json").write_text(json.dumps({"commit": "abc123", "ref": "main"}))
    if place.owner() != "root":
        (place / "closed").chmod(0)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, repositories: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(repositories)))
    assert isinstance(question, Shell)
    found = ask_shell(situation, question, repositories)
    verdict = check(situation, [found], repositories)
    assert KEY not in f"{found}{verdict}" and "hunter22" not in f"{found}{verdict}"
    check_without_tools(situation, question, repositories)


@pytest.mark.live
def test_a_hit_in_an_oddly_named_file_is_a_hit_and_is_not_shown(place: Path) -> None:
    folder = place / "odd"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, {"a:b.py": f"key = '{KEY}'\n"})
    situation = Situation("git.secrets", "odd", FAIL, {"repository": str(folder)})
    (question,) = asked(situation.made(), situation.scope(str(place)))
    assert isinstance(question, Shell)
    found = ask_shell(situation, question, place)
    assert "an oddly named file" in situation.made().judge(found).evidence
    assert KEY not in str(found)


@pytest.mark.live
def test_letters_beyond_ascii(place: Path) -> None:
    """They count as letters where a pattern has them, and no line is passed over because it is not UTF-8."""
    folder = place / "letters"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, {"a.py": "name = 'Zoë'\n"})
    (folder / "latin").write_bytes(f"# caf\xe9 {URL}\n".encode("latin-1"))
    git(folder, "add", "latin")
    git(folder, "commit", "-q", "-m", "not UTF-8")
    looked_for: list[tuple[dict[str, Any], str]] = [({"patterns": {"name": "Zo[^a-z]'"}}, "a.py:1"), ({}, "latin:1")]
    for parameters, file in looked_for:
        situation = Situation("git.secrets", "letters", FAIL, {"repository": str(folder), **parameters})
        (question,) = asked(situation.made(), situation.scope(str(place)))
        assert isinstance(question, Shell)
        found = ask_shell(situation, question, place)
        assert "hunter22" not in str(found)
        assert file in situation.made().judge(found).evidence, found


def test_no_file_looked_at_is_unknown() -> None:
    assert Secrets().judge(Output(0, "files\t0\n")).status is UNKNOWN
    assert Secrets().judge(Output(0, "")).status is UNKNOWN


@pytest.mark.live
def test_every_pattern_that_hits_is_named_with_its_file(repositories: Path) -> None:
    situation = Situation("git.secrets", "several", FAIL, {"repository": LEAKY, "patterns": {"a": "x =", "b": "sk-"}})
    (question,) = asked(situation.made(), situation.scope(str(repositories)))
    assert isinstance(question, Shell)
    evidence = situation.made().judge(ask_shell(situation, question, repositories)).evidence.splitlines()
    assert sorted(re.sub(r"[0-9a-f]{12}", "commit", line) for line in evidence) == [
        "a: commit app.py:1",
        "a: commit old.py:1",
        "b: commit old.py:2",
    ]


def test_patterns_with_back_references_are_refused() -> None:
    with pytest.raises(ValueError, match="twice: POSIX extended expressions have no back-references"):
        Secrets(patterns={"twice": r"(a)\1"})
    assert Secrets(patterns={"a backslash and a number": r"\\1"})
