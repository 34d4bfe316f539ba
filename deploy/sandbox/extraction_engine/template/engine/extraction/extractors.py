"""One pure function per structured source: a raw item in, what it says out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from engine.records import Extracted

POSTCODE = re.compile(r"\b([A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})\b")
ENTITY_TYPES = ("VENUE", "RETAILER", "COACH", "INSTRUCTOR", "CLUB", "LEAGUE", "EVENT", "TOURNAMENT")
WORDS = {
    "coach": "COACH",
    "academy": "COACH",
    "league": "LEAGUE",
    "ladder": "LEAGUE",
    "shop": "RETAILER",
    "club": "CLUB",
}


class ExtractionError(Exception):
    """An item, or an answer about it, cannot be used; the item goes to quarantine."""


def entity_type(name: str) -> str:
    """A guess from the words of a name; a place unless a word says otherwise."""
    words = re.findall(r"[a-z]+", name.lower())
    return next((WORDS[word] for word in words[::-1] if word in WORDS), "VENUE")


def address(text: str) -> dict[str, str | None]:
    """Street, city and postcode of `12 Shore, Leith, Edinburgh EH6 6QN, UK`."""
    postcode = POSTCODE.search(text)
    parts = [part.strip() for part in text.split(",")]
    with_code = [part for part in parts if postcode and postcode[1] in part]
    city = with_code[0].replace(postcode[1], "").strip() if postcode and with_code else None
    return {
        "street_address": parts[0] or None,
        "city": city or None,
        "postcode": postcode[1] if postcode else None,
    }


def google_places(item: dict[str, Any]) -> Extracted:
    """A place of Google's Places API, version 1."""
    name = _need(item, "displayName", "text")
    hours = (item.get("regularOpeningHours") or {}).get("weekdayDescriptions") or []
    location = item.get("location") or {}
    attributes = {
        "entity_name": name,
        **address(item.get("formattedAddress") or ""),
        "country": "United Kingdom",
        "latitude": location.get("latitude"),
        "longitude": location.get("longitude"),
        "phone": item.get("internationalPhoneNumber") or item.get("nationalPhoneNumber"),
        "website_url": item.get("websiteUri"),
        "opening_hours": "; ".join(hours) or None,
        "sports": [kind.removesuffix("_court").replace("_", " ") for kind in item.get("types", [])],
    }
    rating = {"rating": item.get("rating"), "rating_count": item.get("userRatingCount")}
    return Extracted(entity_type(name), attributes, rating, {"google_place_id": item.get("id")})


def feature(item: dict[str, Any]) -> Extracted:
    """A GeoJSON feature, as sportscotland and the council publish their facilities."""
    name = _need(item, "properties", "name")
    facts = item["properties"]
    longitude, latitude = (item.get("geometry") or {}).get("coordinates") or (None, None)
    attributes = {
        "entity_name": name,
        "street_address": facts.get("address"),
        "city": facts.get("town"),
        "postcode": facts.get("postcode"),
        "country": "United Kingdom",
        "latitude": latitude,
        "longitude": longitude,
        "phone": facts.get("phone"),
        "website_url": facts.get("website"),
        "sports": [facts["facility_type"].lower()] if facts.get("facility_type") else [],
    }
    return Extracted(entity_type(name), attributes, {}, {"feature_id": item.get("id")})


def open_charge_map(item: dict[str, Any]) -> Extracted:
    """A charging point near a venue."""
    name = _need(item, "AddressInfo", "Title")
    place = item["AddressInfo"]
    attributes = {
        "entity_name": name,
        "street_address": place.get("AddressLine1"),
        "city": place.get("Town"),
        "postcode": place.get("Postcode"),
        "country": "United Kingdom",
        "latitude": place.get("Latitude"),
        "longitude": place.get("Longitude"),
    }
    return Extracted("VENUE", attributes, {"charging_points": item.get("NumberOfPoints")}, {"ocm_id": item.get("ID")})


def _need(item: dict[str, Any], *path: str) -> str:
    value: Any = item
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if not value:
        raise ExtractionError(f"the item has no {'.'.join(path)}")
    return str(value)


DETERMINISTIC: dict[str, Callable[[dict[str, Any]], Extracted]] = {
    "google_places": google_places,
    "sport_scotland": feature,
    "edinburgh_council": feature,
    "open_charge_map": open_charge_map,
}
