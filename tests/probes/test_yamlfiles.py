from __future__ import annotations

from pathlib import Path

import pytest

from deploy.probes.yamlfiles import Keys, Placeholders, Value
from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check, check_without_tools

GOOD, OTHER, CLOSED = "{root}/extraction.yaml", "{root}/sources.yaml", "{root}/closed.yaml"
TRUST = {"key": "trust_levels", "all_of": ["serper", "osm"], "each": {"at_least": 0, "at_most": 100}, "integer": True}

SITUATIONS = [
    Situation("yaml.value", "holds", PASS, {"path": GOOD, "key": "llm.model", "one_of": ["claude-haiku-4-5"]}),
    Situation("yaml.value", "fails", FAIL, {"path": GOOD, "key": "llm.model", "matches": "^gpt"}),
    Situation("yaml.value", "fails-without-key", FAIL, {"path": GOOD, "key": "llm.defaults", "equals": 1}),
    Situation("yaml.value", "missing", UNKNOWN, {"path": GOOD, "key": "llm.model", "matches": "."}, without=("cat",)),
    Situation("yaml.value", "missing-file", UNKNOWN, {"path": "{root}/gone", "key": "a", "equals": 1}),
    Situation("yaml.value", "denied", UNKNOWN, {"path": CLOSED, "key": "a", "equals": 1}, as_nobody=True),
    Situation("yaml.keys", "holds", PASS, {"path": GOOD, **TRUST}),
    Situation("yaml.keys", "fails", FAIL, {"path": GOOD, **TRUST, "all_of": ["openstreetmap"]}),
    Situation("yaml.keys", "missing", UNKNOWN, {"path": GOOD, **TRUST}, without=("cat",)),
    Situation("yaml.keys", "denied", UNKNOWN, {"path": CLOSED, **TRUST}, as_nobody=True),
    Situation("yaml.placeholders", "holds", PASS, {"path": OTHER, "except": ["osm.api_key"]}),
    Situation("yaml.placeholders", "fails", FAIL, {"path": OTHER}),
    Situation("yaml.placeholders", "missing", UNKNOWN, {"path": OTHER}, without=("cat",)),
    Situation("yaml.placeholders", "denied", UNKNOWN, {"path": CLOSED}, as_nobody=True),
]
EXTRACTION = "llm:\n  model: claude-haiku-4-5\ntrust_levels:\n  serper: 50\n  osm: 40\n"
SOURCES = """
serper: {enabled: true, api_key: real-and-long, base_url: https://example.org}
osm: {enabled: true, api_key: YOUR_OSM_KEY_HERE}
sport_scotland: {enabled: false, api_key: YOUR_KEY_HERE}
"""


@pytest.fixture(scope="module")
def files(place: Path) -> Path:
    (place / "extraction.yaml").write_text(EXTRACTION)
    (place / "sources.yaml").write_text(SOURCES)
    (place / "closed.yaml").write_text("a: 1\n")
    (place / "closed.yaml").chmod(0o600 if place.owner() == "root" else 0)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, files: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(files)))
    assert isinstance(question, Shell)
    check(situation, [ask_shell(situation, question, files)], files)
    check_without_tools(situation, question, files)


@pytest.mark.parametrize("text", ["", "a: [", "a:\n\tb: 1", "a: 2026-99-99", "!!python/object:os.system {}"])
def test_what_is_not_yaml_is_unknown(text: str) -> None:
    for probe in (Value(path="f", key="a", matches="."), Keys(path="f"), Placeholders(path="f")):
        assert probe.judge(Output(0, text)).status is UNKNOWN


def test_a_confidential_value_is_judged_and_never_shown() -> None:
    probe = Value(path="f", key="serper.api_key", matches="^[a-z0-9]{20,}$")
    for value in ("abcdefghij0123456789", "short-and-wrong"):
        verdict = probe.judge(Output(0, f"serper: {{api_key: {value}}}"))
        assert value not in f"{verdict}"
    assert verdict.status is FAIL


def test_null_is_not_judged() -> None:
    assert Value(path="f", key="a", at_most=5).judge(Output(0, "a: null")).status is UNKNOWN


@pytest.mark.parametrize("value", ["true", "'50'", "50.5", "null"])
def test_what_is_not_an_integer_is_told(value: str) -> None:
    assert Keys(path="f", integer=True).judge(Output(0, f"a: {value}")).status is FAIL


def test_lists_are_reached_by_number_and_placeholders_are_found_in_them() -> None:
    assert Value(path="f", key="sources.1.name", equals="b").judge(Output(0, "sources: [{name: a}, {name: b}]"))
    verdict = Placeholders(path="f").judge(Output(0, "keys: [real-one, CHANGE_ME]"))
    assert (verdict.status, verdict.found) == (FAIL, "keys.1: a placeholder")
