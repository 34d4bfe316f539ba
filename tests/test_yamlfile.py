from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from deploy import yamlfile
from deploy.errors import ConfigError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    count: int = 1
    colour: Literal["red", "green"] = "red"


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    title: str
    ratio: float | None = None
    either: int | bool = 1
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    start: str = Field("", alias="from")

    @field_validator("title")
    @classmethod
    def _calm(cls, title: str) -> str:
        if title.endswith("!"):
            raise ValueError("should be calm")
        return title


def complaint(text: str, first_line: int = 1) -> str:
    with pytest.raises(ConfigError) as caught:
        yamlfile.build(Outer, yamlfile.parse(text, "file.yaml", first_line))
    return str(caught.value)


def test_words_mean_what_they_say() -> None:
    text = (
        "on: yes\nmode: 0640\nat: 17:00\nversion: 1.2.3\nn: [1, -2, 1_000, 0.85, .5]\nb: [true, FALSE]\nd: 2026-01-02"
    )
    assert yamlfile.parse(text, "f").data == {
        "on": "yes",
        "mode": "0640",
        "at": "17:00",
        "version": "1.2.3",
        "n": [1, -2, 1000, 0.85, 0.5],
        "b": [True, False],
        "d": date(2026, 1, 2),
    }


def test_every_value_knows_its_line() -> None:
    document = yamlfile.parse("a:\n  - x\n  - y: 1\n", "f.yaml", first_line=10)
    assert document.where(("a", 1, "y")) == "f.yaml:12"
    assert document.where(("a", 1, "nothing", "there")) == "f.yaml:12"
    assert document.where(("nothing",)) == "f.yaml:10"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [", 12),
        ("a:\n\tb: 1", 11),
        ("a: 'open", 10),
        ("d: 2026-02-30", 10),
        ("a: \x00", 10),
        ("? [a]\n: b", 10),
        ("a: !!python/object:os.system x", 10),
        ("a: '!'\nb: !!timestamp x", 11),
        ("a: 1\n---\nb: 1", 11),
        ("a: 1\na: 2", 11),
        ("{a: 1, a: 2}", 10),
        ("a: *nowhere", 10),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        yamlfile.parse(text, "f.yaml", first_line=10)
    assert caught.value.where == f"f.yaml:{line}"
    assert caught.value.fix


def test_aliases_work_and_do_not_explode() -> None:
    assert yamlfile.parse("a: &x {k: 1}\nb:\n  <<: *x\n  k: 2", "f").data["b"] == {"k": 2}
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40))
    assert len(yamlfile.parse(bomb, "f").lines) < 1000
    assert yamlfile.parse("a: &x [*x]", "f").data["a"]


def test_crlf_and_nothing_at_all() -> None:
    assert yamlfile.parse("a: |\r\n  x\r\n  y\r\n", "f").data == {"a": "x\ny\n"}
    assert yamlfile.parse("# only a comment\n", "f").data is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: 1", "file.yaml:1: title: should be text\n  Found 1. Put it in quotes."),
        ("title: x\nratio: high", "file.yaml:2: ratio: should be a number\n  Found 'high'."),
        ("ratio: 1", "file.yaml:1: title: is missing\n  Add `title: …`."),
        ("title: x\neither: [1]", "file.yaml:2: either: should be a whole number or should be true or false"),
        (
            "title: x\ninner:\n  cuont: 2",
            "file.yaml:3: inner.cuont: nothing is called so here\n  did you mean 'count'?",
        ),
        ("title: x\nfrmo: y", "file.yaml:2: frmo: nothing is called so here\n  did you mean 'from'?"),
        (
            "title: x\nmany:\n- {}\n- {colour: blue}",
            "file.yaml:4: many.1.colour: should be 'red' or 'green'\n  Found 'blue'.",
        ),
        ("title: x\nmany: 3", "file.yaml:2: many: should be a list\n  Found 3."),
        ("title: x\ninner: 3", "file.yaml:2: inner: should be a mapping of keys to values\n  Found 3."),
        ("title: x!", "file.yaml:1: title: should be calm\n  Found 'x!'."),
    ],
)
def test_wrong_values_are_told_in_words_with_line_and_fix(text: str, told: str) -> None:
    assert complaint(text) == told


def test_all_complaints_come_at_once() -> None:
    told = complaint("title: 1\nratio: x\nmany:\n- {cuont: 1}", first_line=5)
    assert told.startswith("3 problems\nfile.yaml:5: title")
    assert "file.yaml:6: ratio" in told
    assert "file.yaml:8: many.0.cuont" in told


def test_values_can_be_kept_out_of_complaints() -> None:
    document = yamlfile.parse("title: {password: hunter2}\nratio: hunter3", "f")
    with pytest.raises(ConfigError) as caught:
        yamlfile.build(Outer, document, hide=True)
    assert "hunter" not in str(caught.value)


def test_a_mapping_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="no mapping"):
        yamlfile.mapping(yamlfile.parse("- a", "f"))


def test_files_keep_their_mark_and_line_ends_until_parsed(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    assert yamlfile.read(path) == "\ufeffa: 1\r\n"
    assert yamlfile.load(path).data == {"a": 1}


def test_the_first_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"f\.yaml:2: not UTF-8"):
        yamlfile.read(path)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        yamlfile.read(tmp_path / name)
