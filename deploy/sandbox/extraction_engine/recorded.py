"""What the practice sources hold, and what a language model says about it.

Everything follows from small lists, so the same question has the same answer on every machine. A query's sport chooses
the venues; the sources overlap and agree, except that Google writes telephone numbers its own way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

SPORTS = ("padel", "tennis", "squash", "badminton", "pickleball")
KINDS = ("Club", "Centre", "Academy", "Courts", "Hub", "League")
QUALIFIERS = ("", "Community ", "City ", "Junior ", "Social ")
# Area, street, postcode, latitude, longitude. Telephone numbers are of the range kept for fiction, 0131 496 0xxx.
AREAS = (
    ("Leith", "Shore", "EH6 6QW", 55.9759, -3.1702),
    ("Portobello", "Promenade", "EH15 2DX", 55.9533, -3.1098),
    ("Morningside", "Morningside Road", "EH10 4AX", 55.9296, -3.2098),
    ("Stockbridge", "Raeburn Place", "EH4 1HN", 55.9588, -3.2110),
    ("Corstorphine", "St John's Road", "EH12 7SX", 55.9427, -3.2817),
    ("Meadowbank", "London Road", "EH7 6AE", 55.9572, -3.1587),
    ("Craiglockhart", "Colinton Road", "EH14 1DJ", 55.9212, -3.2389),
    ("Gorgie", "Gorgie Road", "EH11 2NZ", 55.9378, -3.2323),
    ("Newington", "Clerk Street", "EH8 9JH", 55.9414, -3.1811),
    ("Liberton", "Kirk Brae", "EH16 6TT", 55.9136, -3.1614),
    ("Granton", "West Harbour Road", "EH5 1PN", 55.9820, -3.2292),
    ("Bruntsfield", "Bruntsfield Place", "EH10 4HN", 55.9367, -3.2049),
    ("Murrayfield", "Roseburn Street", "EH12 5PJ", 55.9436, -3.2409),
    ("Duddingston", "Duddingston Road", "EH15 1QD", 55.9440, -3.1410),
    ("Colinton", "Bridge Road", "EH13 0LG", 55.9070, -3.2560),
    ("Gilmerton", "Gilmerton Road", "EH17 8PJ", 55.9050, -3.1330),
)
VENUES = len(AREAS) * len(KINDS) * len(QUALIFIERS)
# How many items a source gives at a time, and which venue its n-th item is about.
BATCH = {
    "google_places": 12,
    "serper": 24,
    "openstreetmap": 24,
    "sport_scotland": 6,
    "edinburgh_council": 6,
    "open_charge_map": 6,
}
VENUE_OF = {"google_places": (2, 0), "openstreetmap": (1, 12)}
KEYED = {"serper", "google_places", "open_charge_map"}
HARD = 7  # of each batch of 24 the record with this place is one that a model stumbles over at first


def batch(source: str, query: str, cursor: int, limit: int | None = None) -> list[Json]:
    """The items of a source for `query` after the first `cursor` ones; empty once all have been given."""
    step, offset = VENUE_OF.get(source, (1, 0))
    size = limit or BATCH[source]
    places = range(max(cursor, 0), min(max(cursor, 0) + size, VENUES // step))
    return [ITEM[source](venue(query, (place * step + offset) % VENUES), place) for place in places]


def venue(query: str, number: int) -> Json:
    """The facts about one of the venues for the sport that `query` names."""
    sport = next((sport for sport in SPORTS if sport in query.lower()), SPORTS[0])
    area, street, postcode, latitude, longitude = AREAS[number % len(AREAS)]
    round_ = number // len(AREAS)
    name = f"{area} {QUALIFIERS[round_ // len(KINDS)]}{sport.title()} {KINDS[round_ % len(KINDS)]}"
    shift = round_ * 0.0004
    slug = name.lower().replace(" ", "-")
    return {
        "number": number,
        "name": name,
        "sport": sport,
        "house": str(2 + 3 * round_),
        "street": street,
        "area": area,
        "postcode": postcode,
        "latitude": round(latitude + shift, 6),
        "longitude": round(longitude - shift, 6),
        "phone": f"0131 496 0{number % 1000:03d}",
        "website": None if number % 4 == 3 else f"https://{slug}.example",
        "slug": slug,
    }


def google(facts: Json, place: int) -> Json:
    del place
    street = f"{facts['house']} {facts['street']}"
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    return {
        "id": f"ChIJ{facts['sport']}{facts['number']:04d}",
        "displayName": {"text": facts["name"], "languageCode": "en"},
        "formattedAddress": f"{street}, Edinburgh {facts['postcode']}, UK",
        "location": {"latitude": facts["latitude"], "longitude": facts["longitude"]},
        "internationalPhoneNumber": "+44 " + facts["phone"][1:],
        "websiteUri": facts["website"],
        "regularOpeningHours": {"weekdayDescriptions": [f"{day}: 07:00-22:00" for day in days]},
        "rating": round(3.6 + facts["number"] % 14 / 10, 1),
        "userRatingCount": 5 + facts["number"] * 7 % 240,
        "types": [f"{facts['sport']}_court"],
    }


def serper(facts: Json, place: int) -> Json:
    return {
        "position": place + 1,
        "title": facts["name"],
        "address": f"{facts['house']} {facts['street']}, Edinburgh {facts['postcode']}",
        "latitude": facts["latitude"],
        "longitude": facts["longitude"],
        "phoneNumber": facts["phone"],
        "website": facts["website"],
        "category": facts["sport"].title(),
        "snippet": f"{facts['name']} offers {facts['sport']} in {facts['area']} for all levels.",
        **_marked(place),
    }


def openstreetmap(facts: Json, place: int) -> Json:
    tags = {
        "name": facts["name"],
        "leisure": "sports_centre",
        "sport": facts["sport"],
        "addr:housenumber": facts["house"],
        "addr:street": facts["street"],
        "addr:city": "Edinburgh",
        "addr:postcode": facts["postcode"],
        "phone": facts["phone"],
        "website": facts["website"],
    }
    sport = SPORTS.index(facts["sport"])
    return {
        "type": "node",
        "id": 9_000_000_000 + 1000 * sport + facts["number"],
        "lat": facts["latitude"],
        "lon": facts["longitude"],
        "tags": {key: value for key, value in tags.items() if value},
        **_marked(place),
    }


def _marked(place: int) -> Json:
    return {"legibility": "hard"} if place % 24 == HARD else {}


def feature(facts: Json, place: int) -> Json:
    del place
    return {
        "type": "Feature",
        "id": f"facility.{facts['sport']}.{facts['number']}",
        "geometry": {"type": "Point", "coordinates": [facts["longitude"], facts["latitude"]]},
        "properties": {
            "name": facts["name"],
            "address": f"{facts['house']} {facts['street']}",
            "town": "Edinburgh",
            "postcode": facts["postcode"],
            "facility_type": facts["sport"].title(),
        },
    }


def charge_point(facts: Json, place: int) -> Json:
    del place
    return {
        "ID": 300_000 + 1000 * SPORTS.index(facts["sport"]) + facts["number"],
        "NumberOfPoints": 2 + facts["number"] % 3,
        "AddressInfo": {
            "Title": f"{facts['name']} Car Park",
            "AddressLine1": f"{facts['house']} {facts['street']}",
            "Town": "Edinburgh",
            "Postcode": facts["postcode"],
            "Latitude": facts["latitude"],
            "Longitude": facts["longitude"],
        },
    }


ITEM = {
    "google_places": google,
    "serper": serper,
    "openstreetmap": openstreetmap,
    "sport_scotland": feature,
    "edinburgh_council": feature,
    "open_charge_map": charge_point,
}


def reading(record: Mapping[str, Any], *, again: bool) -> Json | None:
    """What a model reads in a record, in the terms of the engine's tool; None where it loses its way."""
    if record.get("legibility") == "hard" and not again:
        return None
    facts = _from_tags(record) if "tags" in record else _from_search(record)
    name = str(facts["entity_name"] or "")
    kind = {"club": "CLUB", "academy": "COACH", "league": "LEAGUE", "shop": "RETAILER"}
    last = name.split()[-1].lower() if name else ""
    sports = ", ".join(facts["sports"]) or "sport"
    return {
        "entity_type": kind.get(last, "VENUE"),
        "summary": f"{name} is a place for {sports} in Edinburgh.",
        "country": "United Kingdom",
        "email": None,
        **facts,
    }


def _from_tags(record: Mapping[str, Any]) -> Json:
    tags = record["tags"]
    street = " ".join(filter(None, [tags.get("addr:housenumber"), tags.get("addr:street")]))
    return {
        "entity_name": tags.get("name"),
        "street_address": street or None,
        "city": tags.get("addr:city"),
        "postcode": tags.get("addr:postcode"),
        "latitude": record.get("lat"),
        "longitude": record.get("lon"),
        "phone": tags.get("phone"),
        "website_url": tags.get("website"),
        "sports": [tags["sport"]] if tags.get("sport") else [],
    }


def _from_search(record: Mapping[str, Any]) -> Json:
    address = str(record.get("address") or "")
    found = re.fullmatch(r"(?P<street>[^,]+), (?P<city>[A-Za-z ]+?) (?P<postcode>[A-Z]{1,2}\d\S? \d[A-Z]{2})", address)
    return {
        "entity_name": record.get("title"),
        "street_address": found["street"] if found else None,
        "city": found["city"] if found else None,
        "postcode": found["postcode"] if found else None,
        "latitude": record.get("latitude"),
        "longitude": record.get("longitude"),
        "phone": record.get("phoneNumber"),
        "website_url": record.get("website"),
        "sports": [str(record["category"]).lower()] if record.get("category") else [],
    }
