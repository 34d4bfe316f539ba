from datetime import date
from pathlib import Path

import pytest

from deploy.checklists import waivers
from deploy.errors import ConfigError
from deploy.result import Result, Severity, Status, closing

TODAY = date(2026, 11, 23)
KNOWN = {"disk", "coverage"}
GOOD = "- {item: disk, owner: Ada Lovelace, reason: The new disk comes on Monday, expires: 2026-11-23}\n"


def load(tmp_path: Path, text: str) -> tuple[list[waivers.Waiver], list[str]]:
    path = tmp_path / "waivers.yaml"
    path.write_text(text, encoding="utf-8")
    return waivers.load(path, KNOWN, TODAY)


def result(status: Status, item: str = "disk") -> Result:
    return Result(item, "The disk", "prereqs", Severity.CRITICAL, status, "5 GB", "1 GB", "df says so")


def test_a_waiver_counts_up_to_and_including_its_day(tmp_path: Path) -> None:
    good, complaints = load(tmp_path, GOOD)
    assert (len(good), complaints) == (1, [])


@pytest.mark.parametrize(
    ("entry", "flaw"),
    [
        ("{item: disk, owner: Ada, reason: r, expires: 2026-11-22}", "expired on 2026-11-22"),
        ("{item: disk, reason: r, expires: 2027-01-01}", "has no owner"),
        ("{item: disk, owner: TBD, reason: r, expires: 2027-01-01}", "has no owner"),
        ("{item: disk, owner: Ada, reason: ' ', expires: 2027-01-01}", "has no reason"),
        ("{item: disk, owner: Ada, reason: r}", "has no day of expiry"),
    ],
)
def test_what_does_not_count_is_reported_with_its_line(tmp_path: Path, entry: str, flaw: str) -> None:
    good, complaints = load(tmp_path, f"{GOOD}- {entry}\n")
    assert len(good) == 1
    assert complaints == [f"{tmp_path}/waivers.yaml:2: the waiver for 'disk' {flaw}, and does not count"]


def test_an_unknown_item_is_an_error_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"waivers\.yaml:2: the checklist has no item 'covrage'\n  did you mean 'coverage'"
    ):
        load(tmp_path, f"{GOOD}- item: covrage\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("item: disk", ":1: no list"),
        ("- item: disk\n  onwer: Ada", ":2: waivers.0.onwer: nothing is called so here\n  did you mean 'owner'"),
        ("- item: disk\n  expires: soon", ":2: waivers.0.expires: should be a day like 2026-12-31"),
        ("- item: disk\n  expires: 2026-12-31 10:00:00", ":2: waivers.0.expires: should be a day"),
        ("- owner: Ada", ":1: waivers.0.item: is missing"),
        ("- disk", ":1: waivers.0: should be a mapping"),
    ],
)
def test_what_cannot_be_read_is_an_error(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert told in str(caught.value)


@pytest.mark.parametrize("text", ["", "# none\n", "[]\n"])
def test_no_waivers(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == ([], [])
    assert waivers.load(tmp_path / "missing.yaml", KNOWN, TODAY) == ([], [])


@pytest.mark.parametrize("status", [Status.FAIL, Status.UNKNOWN, Status.PENDING])
def test_what_is_open_is_waived_with_owner_reason_and_day(tmp_path: Path, status: Status) -> None:
    (waived,) = waivers.apply([result(status)], load(tmp_path, GOOD)[0])
    assert (waived.status, waived.found) == (Status.WAIVED, "1 GB")
    assert waived.evidence == (
        f"Ada Lovelace: The new disk comes on Monday, until 2026-11-23\nwithout the waiver: {status}\ndf says so"
    )
    assert closing([waived]) == []


@pytest.mark.parametrize("told", [result(Status.PASS), result(Status.SKIPPED), result(Status.FAIL, "coverage")])
def test_everything_else_stays_as_it_is(tmp_path: Path, told: Result) -> None:
    assert waivers.apply([told], load(tmp_path, GOOD)[0]) == [told]
