from typing import Any

import pytest

from engine.extraction.extractors import DETERMINISTIC, ExtractionError, address, entity_type


@pytest.mark.parametrize(
    ("text", "street", "city", "postcode"),
    [
        ("12 Shore, Edinburgh EH6 6QW, UK", "12 Shore", "Edinburgh", "EH6 6QW"),
        ("12 Shore, Leith, Edinburgh EH6 6QW, UK", "12 Shore", "Edinburgh", "EH6 6QW"),
        ("Promenade, Edinburgh EH15 2DX", "Promenade", "Edinburgh", "EH15 2DX"),
        ("1 High St, Musselburgh EH217AB", "1 High St", "Musselburgh", "EH217AB"),
        ("12 Shore, Edinburgh", "12 Shore", None, None),
        ("EH6 6QW", "EH6 6QW", None, "EH6 6QW"),
        ("", None, None, None),
    ],
)
def test_addresses(text: str, street: str | None, city: str | None, postcode: str | None) -> None:
    assert address(text) == {"street_address": street, "city": city, "postcode": postcode}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Leith Padel Club", "CLUB"),
        ("Leith Padel Centre", "VENUE"),
        ("Leith Padel Academy", "COACH"),
        ("Leith Padel League", "LEAGUE"),
        ("Leith Padel Shop", "RETAILER"),
        ("Club Shop", "RETAILER"),
        ("", "VENUE"),
    ],
)
def test_entity_types(name: str, kind: str) -> None:
    assert entity_type(name) == kind


@pytest.mark.parametrize("source", sorted(DETERMINISTIC))
@pytest.mark.parametrize("item", [{}, {"displayName": "x"}, {"properties": {"name": None}}, {"AddressInfo": {}}])
def test_an_item_without_a_name_cannot_be_used(source: str, item: dict[str, Any]) -> None:
    with pytest.raises(ExtractionError, match="the item has no"):
        DETERMINISTIC[source](item)
