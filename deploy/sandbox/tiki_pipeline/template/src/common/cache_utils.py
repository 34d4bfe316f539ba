"""Pages that were fetched before, and counters of hits and misses, in Redis: every task and worker shares them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

import redis

PREFIX = "tiki:crawl:"
LIFETIME_SECONDS = 86400
COUNTERS_SECONDS = 7 * 86400


@dataclass(frozen=True)
class Page:
    """A page as it was last fetched, and the tag to ask with whether it is still so."""

    tag: str
    body: Any


class Cache:
    """The cache of one run: pages are shared by all runs, counters are the run's own."""

    def __init__(self, run_id: str, url: str | None = None) -> None:
        self.client = redis.Redis.from_url(url or os.environ["CACHE_URL"], decode_responses=True)
        self.counters = f"{PREFIX}stats:{run_id}"

    def get(self, url: str) -> Page | None:
        """The page as last fetched, or None."""
        found = self.client.get(self._key(url))
        return Page(**json.loads(found)) if found else None

    def put(self, url: str, page: Page) -> None:
        text = json.dumps({"tag": page.tag, "body": page.body})
        self.client.set(self._key(url), text, ex=LIFETIME_SECONDS)

    def count(self, outcome: str) -> None:
        """Add one to this run's `hits` or `misses`."""
        with self.client.pipeline() as pipeline:
            pipeline.hincrby(self.counters, outcome, 1)
            pipeline.expire(self.counters, COUNTERS_SECONDS)
            pipeline.execute()

    def stats(self) -> dict[str, Any]:
        """Hits, misses, hit_rate in percent (None without a lookup) and the memory Redis uses in bytes."""
        counted = self.client.hgetall(self.counters)
        hits, misses = int(counted.get("hits", 0)), int(counted.get("misses", 0))
        rate = round(100 * hits / (hits + misses), 1) if hits + misses else None
        memory = int(self.client.info("memory")["used_memory"])
        return {"hits": hits, "misses": misses, "hit_rate": rate, "memory_size": memory}

    @staticmethod
    def _key(url: str) -> str:
        return f"{PREFIX}html:{hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()}"
