"""Unstructured items are read by a language model, through Anthropic's Messages API."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from engine import config
from engine.extraction.extractors import ENTITY_TYPES, ExtractionError
from engine.records import Extracted, canonical, digest

PROMPT = (
    "Extract what the record below says about one sports venue, club, coach, league or shop in Edinburgh. "
    "Use null for what it does not say; do not guess. Write the summary in one sentence."
)
AGAIN = "An earlier answer could not be used. Answer with the tool only."
TEXTS = (
    "entity_name",
    "summary",
    "street_address",
    "city",
    "postcode",
    "country",
    "phone",
    "email",
    "website_url",
    "opening_hours",
)
TOOL = {
    "name": "record_listing",
    "description": "Records the facts of one listing.",
    "input_schema": {
        "type": "object",
        "properties": {
            "entity_type": {"type": "string", "enum": list(ENTITY_TYPES)},
            **{name: {"type": ["string", "null"]} for name in TEXTS},
            "latitude": {"type": ["number", "null"]},
            "longitude": {"type": ["number", "null"]},
            "sports": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["entity_type", "entity_name"],
    },
}
PRICE_PER_MILLION = {"input_tokens": 0.80, "output_tokens": 4.00}

Post = Callable[[dict[str, Any]], dict[str, Any]]


def extraction_hash(item: dict[str, Any], model: str) -> str:
    """The cache key: equal for an equal item, prompt and model."""
    return digest({"raw": item, "prompt": PROMPT, "model": model})


def cost(input_tokens: int, output_tokens: int) -> float:
    """In GBP, as the budget is."""
    used = {"input_tokens": input_tokens, "output_tokens": output_tokens}
    return sum(used[kind] * price for kind, price in PRICE_PER_MILLION.items()) / 1_000_000


def messages_api() -> Post:
    """Posts to the API that ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY name; ValueError when there is no key."""
    key = os.environ.get("ANTHROPIC_API_KEY")
    if not key:
        raise ValueError("ANTHROPIC_API_KEY is not set, and these records need the language model")
    base = os.environ.get("ANTHROPIC_BASE_URL") or "https://api.anthropic.com"
    headers = {"x-api-key": key, "anthropic-version": "2023-06-01", "content-type": "application/json"}
    timeout = float(config.load("extraction")["llm"]["timeout_seconds"])

    def post(body: dict[str, Any]) -> dict[str, Any]:
        request = Request(f"{base.rstrip('/')}/v1/messages", json.dumps(body).encode(), headers)
        try:
            with urlopen(request, timeout=timeout) as answer:
                return dict(json.load(answer))
        except HTTPError as error:
            raise ExtractionError(f"the language model's API answered {error.code} {error.reason}") from None
        except (URLError, TimeoutError, ValueError) as error:
            raise ExtractionError(f"the language model's API failed: {getattr(error, 'reason', error)}") from None

    return post


@dataclass
class Reader:
    """Reads items with the configured model; the API is opened with the first item that needs it."""

    open_api: Callable[[], Post] = messages_api
    post: Post | None = None
    model: str = field(default_factory=config.model)

    def read(self, item: dict[str, Any], *, again: bool = False) -> Extracted:
        """What the model finds in `item`; `again` tells it that an earlier answer was unusable."""
        self.post = self.post or self.open_api()
        answer = self.post(self.request(item, again=again))
        return replace(understand(answer), extraction_hash=extraction_hash(item, self.model), model_used=self.model)

    def request(self, item: dict[str, Any], *, again: bool = False) -> dict[str, Any]:
        record = f"<record>{canonical(item)}</record>"
        return {
            "model": self.model,
            "max_tokens": config.load("extraction")["llm"]["max_tokens"],
            "system": f"{PROMPT} {AGAIN}" if again else PROMPT,
            "messages": [{"role": "user", "content": record}],
            "tools": [TOOL],
            "tool_choice": {"type": "tool", "name": TOOL["name"]},
        }


def understand(answer: dict[str, Any]) -> Extracted:
    """The facts in an answer of the API; ExtractionError when it holds none that can be used."""
    found = [part["input"] for part in answer.get("content", []) if part.get("type") == "tool_use"]
    if not found:
        raise ExtractionError(f"the answer does not use the tool (stop_reason {answer.get('stop_reason')})")
    facts = dict(found[0])
    kind = facts.pop("entity_type", None)
    if kind not in ENTITY_TYPES:
        raise ExtractionError(f"unknown entity_type {kind!r}")
    if not facts.get("entity_name"):
        raise ExtractionError("the answer has no entity_name")
    for name, bound in (("latitude", 90), ("longitude", 180)):
        value = facts.get(name)
        if value is not None and not (isinstance(value, int | float) and abs(value) <= bound):
            raise ExtractionError(f"{name} is not a coordinate")
    facts["llm_usage"] = {kind: int(answer.get("usage", {}).get(kind, 0)) for kind in PRICE_PER_MILLION}
    return Extracted(kind, facts)
