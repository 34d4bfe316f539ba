"""Asks a source for its next items over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from engine import config

Fetch = Callable[[str, Mapping[str, str], float], Any]


class SourceError(Exception):
    """A source could not be asked, or answered with an error."""


def get_json(url: str, headers: Mapping[str, str], timeout: float) -> Any:
    """The JSON document at `url`."""
    try:
        with urlopen(Request(url, headers=dict(headers)), timeout=timeout) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise SourceError(f"answered {error.code} {error.reason}") from None
    except (URLError, TimeoutError) as error:
        raise SourceError(f"could not be reached: {getattr(error, 'reason', error)}") from None
    except ValueError:
        raise SourceError("answered something that is not JSON") from None


def next_batch(source: str, query: str, cursor: int, fetch: Fetch = get_json) -> tuple[str, list[dict[str, Any]]]:
    """The address asked and the items of `query` after the first `cursor` ones."""
    settings = config.source(source)
    parameters = {**(settings.get("default_params") or {}), "q": query, "cursor": cursor}
    headers = {"user-agent": "edinburgh-venues/1.0"}
    if settings.get("api_key"):
        headers["x-api-key"] = settings["api_key"]
    url = f"{settings['base_url']}?{urlencode(parameters)}"
    return url, list(fetch(url, headers, float(settings.get("timeout_seconds", 30)))["items"])
