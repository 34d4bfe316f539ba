"""Opening hours are told in the words of the source."""

from engine.extraction.extractors import google_places


def test_a_place_without_hours_is_said_to_be_closed() -> None:
    place = google_places({"displayName": {"text": "Leith Padel Club"}})
    assert place.attributes["opening_hours"] == "closed"
