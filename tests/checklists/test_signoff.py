from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.checklists import signoff
from deploy.checklists.item import Item
from deploy.checklists.signoff import SignOff
from deploy.errors import ConfigError
from deploy.result import Result, Severity, Status

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ITEMS = [
    Item("told", "Stakeholders told", "prereqs", "", Severity.CRITICAL, None, signoff=True, action="Tell them."),
    Item(
        "samples", "Samples are good", "prereqs", "", Severity.WARNING, None, signoff=True, note="To be signed by: Ada."
    ),
    Item("disk", "The disk", "prereqs", "", Severity.CRITICAL, None),
]


def result(status: Status, found: str = "20 samples") -> Result:
    return Result("samples", "Samples are good", "prereqs", Severity.WARNING, status, "samples", found, "row 1\nrow 2")


def load(tmp_path: Path, text: str) -> list[SignOff]:
    path = tmp_path / "signoffs.yaml"
    path.write_text(text, encoding="utf-8")
    return signoff.load(path, ITEMS, NOW)


def test_before_anybody_signs_an_item_is_pending() -> None:
    told = signoff.awaiting(ITEMS[0])
    assert (told.item, told.status, told.found, told.action) == ("told", Status.PENDING, "not signed", "Tell them.")
    assert signoff.awaiting(ITEMS[1]).expected == "To be signed by: Ada."


def test_evidence_that_passes_is_pending_and_kept() -> None:
    told = signoff.awaiting(ITEMS[1], result(Status.PASS))
    assert (told.status, told.found, told.evidence) == (Status.PENDING, "20 samples", "row 1\nrow 2")


@pytest.mark.parametrize("status", [Status.FAIL, Status.UNKNOWN, Status.SKIPPED])
def test_nobody_signs_away_what_was_seen_to_fail_or_not_seen(status: Status) -> None:
    told = signoff.awaiting(ITEMS[1], result(status))
    assert signoff.apply([told], [SignOff("samples", "Ada", NOW)]) == [told]
    assert told.status is status


def test_a_signature_makes_pending_pass_with_name_moment_and_note() -> None:
    given = [SignOff("told", "Ada", NOW, "by mail"), SignOff("samples", "Bob", NOW)]
    one, two = signoff.apply([signoff.awaiting(ITEMS[0]), signoff.awaiting(ITEMS[1], result(Status.PASS))], given)
    assert (one.status, one.found, one.evidence) == (Status.PASS, "signed by Ada at 2026-11-23 12:00 UTC", "by mail")
    assert (two.status, two.found) == (Status.PASS, "signed by Bob at 2026-11-23 12:00 UTC; 20 samples")
    assert two.evidence == "row 1\nrow 2"


def test_a_file_tells_who_when_and_what(tmp_path: Path) -> None:
    text = """\
- {item: told, by: Ada, at: 2026-11-22T10:30:00+02:00, note: by mail}
- {item: samples, by: Bob, at: 2026-11-20}
"""
    assert load(tmp_path, text) == [
        SignOff("told", "Ada", datetime(2026, 11, 22, 8, 30, tzinfo=UTC), "by mail"),
        SignOff("samples", "Bob", datetime(2026, 11, 20, tzinfo=UTC)),
    ]
    assert load(tmp_path, "- {item: told, by: Ada}\n") == [SignOff("told", "Ada", NOW)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("item: told", ":1: no list"),
        ("", ":1: no list"),
        ("- {item: tld, by: Ada}", ":1: the checklist has no item 'tld'\n  did you mean 'told'?"),
        ("- {item: disk, by: Ada}", ":1: 'disk' is proven by a probe, not signed\n  To let it pass, write a waiver."),
        ("- item: told\n  by: TODO", ":2: 'TODO' names nobody"),
        ("- item: told\n  by: ''", ":2: '' names nobody"),
        ("- item: told", ":1: signoffs.0.by: is missing"),
        ("- item: told\n  by: Ada\n  at: 2026-11-24", ":3: this moment has not come"),
        ("- item: told\n  by: Ada\n  at: noon", ":3: signoffs.0.at: should be a moment like 2026-12-31 17:00"),
        ("- item: told\n  by: Ada\n  nte: x", ":3: signoffs.0.nte: nothing is called so here"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert told in str(caught.value)


class Person:
    """Somebody at a terminal, with answers prepared; at their end the input ends."""

    def __init__(self, *answers: str) -> None:
        self.answers: Iterator[str] = iter(answers)
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        try:
            return next(self.answers)
        except StopIteration:
            raise EOFError from None


def test_a_person_at_the_terminal_sees_the_evidence_and_signs() -> None:
    person = Person("TODO", " Ada ", "looks fine")
    (signed,) = signoff.ask_for([result(Status.PENDING), result(Status.FAIL)], person, terminal=True)
    assert (signed.item, signed.by, signed.note) == ("samples", "Ada", "looks fine")
    assert person.asked[0].startswith("Sign-off: Samples are good\n  20 samples\n  row 1\n  row 2\n")
    assert "names nobody" in person.asked[1]


def test_an_empty_name_and_the_end_of_input_leave_items_open() -> None:
    assert signoff.ask_for([result(Status.PENDING)], Person(""), terminal=True) == []
    assert signoff.ask_for([result(Status.PENDING)] * 2, Person(), terminal=True) == []


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    person = Person("Ada", "")
    assert signoff.ask_for([result(Status.PENDING)], person) == []
    assert person.asked == []
