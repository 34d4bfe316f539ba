"""The error tree: exit codes, and messages that say where and how to mend."""

from __future__ import annotations

import re

import pytest

from deploy import errors
from deploy.errors import CommandFailed, ConfigError, DeployError, PersonNeeded, nearest


def every(kind: type[DeployError]) -> set[type[DeployError]]:
    return {kind}.union(*(every(child) for child in kind.__subclasses__()))


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = dict(re.findall(r"(\w+) +(\d)  ", errors.__doc__ or ""))
    ours = {kind.__name__: str(kind.exit_code) for kind in every(DeployError) if kind.__module__ == "deploy.errors"}
    assert drawn == ours


def test_a_config_error_says_where_and_the_fix() -> None:
    assert str(ConfigError("is empty", where="a.yaml:3", fix="Write it.")) == "a.yaml:3: is empty\n  Write it."
    assert str(ConfigError("is empty")) == "is empty"


def test_a_failed_command_shows_its_end() -> None:
    text = str(CommandFailed("pg_dump", 1, "\n".join(f"line {n}" for n in range(20))))
    assert text.startswith("pg_dump: exited 1") and "line 19" in text and "line 7\n" not in text
    assert "timed out" in str(CommandFailed("pg_dump", None))


def test_a_person_gets_commands_in_order() -> None:
    assert str(PersonNeeded("Half done.", ["first", "second"])).splitlines() == ["Half done.", "  first", "  second"]


@pytest.mark.parametrize(
    ("word", "hint"),
    [("sql.valu", "did you mean 'sql.value'?"), ("zzz", "known: files.mode, sql.value")],
)
def test_the_nearest_word(word: str, hint: str) -> None:
    assert nearest(word, ["sql.value", "files.mode"]) == hint


def test_a_long_list_is_cut() -> None:
    assert nearest("zzz", [f"word{n:02}" for n in range(30)]).endswith("word11 and 18 more")
