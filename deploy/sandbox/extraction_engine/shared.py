"""What belongs to an environment of the practice engine rather than to a release."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

ENABLED = ("serper", "google_places", "openstreetmap")
DISABLED = ("open_charge_map", "sport_scotland", "edinburgh_council")
KEYED = {
    "serper": "${SERPER_API_KEY}",
    "google_places": "${GOOGLE_PLACES_API_KEY}",
    "open_charge_map": "${OPEN_CHARGE_MAP_API_KEY}",
}


def sources_yaml(base_url: str, api_keys: Mapping[str, str]) -> str:
    """The text of `engine/config/sources.yaml`.

    `base_url` is the practice server's, without a path. `api_keys` maps a source to its key, or to `${NAME}`, which the
    engine replaces by that environment variable; what is not given refers to SERPER_API_KEY, GOOGLE_PLACES_API_KEY.
    """
    sections: dict[str, object] = {
        name: _section(name, base_url, api_keys.get(name, KEYED.get(name))) for name in (*ENABLED, *DISABLED)
    }
    sections["global"] = {
        "user_agent": "edinburgh-venues/1.0",
        "retry": {"max_attempts": 3, "backoff_factor": 0.5, "retry_on_status_codes": [429, 500, 502, 503, 504]},
        "logging": {"level": "INFO", "log_api_requests": False, "log_api_responses": False},
    }
    return yaml.safe_dump(sections, sort_keys=False)


def _section(name: str, base_url: str, api_key: str | None) -> dict[str, object]:
    section: dict[str, object] = {
        "enabled": name in ENABLED,
        "api_key": api_key,
        "base_url": f"{base_url.rstrip('/')}/sources/{name}",
        "timeout_seconds": 10,
        "rate_limits": {"requests_per_minute": 60, "requests_per_hour": 1000},
        "default_params": {},
    }
    if name == "google_places":
        section["field_mask"] = "places.id,places.displayName,places.formattedAddress,places.location,places.websiteUri"
    return section
