from typing import Any

import pytest

from engine.extraction.merge import conflict, merge, severity, slugify
from engine.extraction.tests.conftest import row


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Leith Padel Club", "leith-padel-club"),
        ("  Leith  Padel ", "leith-padel"),
        ("Café Padel & Co.", "cafe-padel-co"),
        ("St John's Road", "st-john-s-road"),
        ("PADEL", "padel"),
        ("Court 1/2", "court-1-2"),
        ("Über-Squash", "uber-squash"),
        ("a_b", "a-b"),
        ("5-a-side", "5-a-side"),
        ("…", ""),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slugify(name) == slug


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (0, 1.0),
        (1, 0.933),
        (2, 0.867),
        (3, 0.8),
        (5, 0.667),
        (10, 0.333),
        (14, 0.067),
        (15, None),
        (20, None),
        (90, None),
    ],
)
def test_severity_falls_with_the_difference_in_trust(difference: int, expected: float | None) -> None:
    assert severity(difference) == expected


def test_the_most_trusted_source_wins_and_the_others_fill_its_gaps() -> None:
    listing = merge([row(1, "serper", phone="1", email="a@b.example"), row(2, "google_places", phone="2")]).listings[0]
    assert (listing["phone"], listing["email"]) == ("2", "a@b.example")


def test_the_latest_row_of_one_source_wins() -> None:
    assert merge([row(1, "serper", phone="1"), row(2, "serper", phone="2")]).listings[0]["phone"] == "2"


def test_times_are_those_of_the_rows() -> None:
    rows = [row(1, "serper"), row(3, "google_places"), row(2, "openstreetmap")]
    listing = merge(rows).listings[0]
    assert (listing["createdAt"], listing["updatedAt"]) == (rows[0].created_at, rows[1].created_at)


def test_the_order_of_the_rows_does_not_matter() -> None:
    rows = [row(n, source, phone=str(n)) for n, source in enumerate(["serper", "openstreetmap", "google_places"])]
    assert merge(rows) == merge(rows[::-1])


def test_names_that_differ_in_case_are_one_listing() -> None:
    assert len(merge([row(1, "serper"), row(2, "openstreetmap", "LEITH padel club")]).listings) == 1


def test_a_later_row_leaves_ids_and_creation_alone() -> None:
    before, after = merge([row(1, "serper")]), merge([row(1, "serper"), row(2, "google_places", phone="2")])
    assert {key: before.listings[0][key] for key in ("id", "slug", "createdAt")} == {
        key: after.listings[0][key] for key in ("id", "slug", "createdAt")
    }


def test_sources_that_are_trusted_alike_are_in_conflict() -> None:
    merged = merge([row(1, "serper", phone="1"), row(2, "openstreetmap", phone="2")])
    found = merged.conflicts[0]
    assert (found["field_name"], found["winner_source"], found["trust_difference"]) == ("phone", "serper", 10)
    assert found["listing_id"] == merged.listings[0]["id"]


@pytest.mark.parametrize(
    "rows",
    [
        [row(1, "serper", phone="1")],
        [row(1, "serper", phone="1"), row(2, "openstreetmap", phone="1")],
        [row(1, "serper", phone="1"), row(2, "openstreetmap", phone=None)],
        [row(1, "serper", phone="1"), row(2, "google_places", phone="2")],
        [],
    ],
    ids=["alone", "agreed", "silent", "trust decides", "nobody"],
)
def test_no_conflict(rows: list[Any]) -> None:
    assert conflict("phone", sorted(rows, key=lambda found: found.source)) is None


def test_listings_are_linked_to_their_categories() -> None:
    merged = merge([row(1, "serper"), row(2, "serper", "Leith Tennis Club")])
    assert set(merged.categories) == {"padel", "tennis", "club"}
    assert len(merged.links) == 4


def test_nothing_extracted_gives_nothing() -> None:
    assert merge([]).tables() == {"Listing": [], "Category": [], "_CategoryToListing": [], "MergeConflict": []}


def test_tokens_are_no_part_of_a_listing() -> None:
    listing = merge([row(1, "serper", llm_usage={"input_tokens": 1}, sports=["padel"])]).listings[0]
    assert listing["attributes"] == '{"sports": ["padel"]}'
