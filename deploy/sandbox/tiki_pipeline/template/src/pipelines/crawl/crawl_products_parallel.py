"""The shop over HTTP: its categories, their products' addresses, and the products."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import httpx

from common import async_batch
from common.cache_utils import Cache, Page
from pipelines.crawl import parallel_crawler

TIMEOUT_SECONDS = 20.0


class ShopError(ValueError):
    """The shop's answer is not what was asked for."""


def base_url() -> str:
    return os.environ["TIKI_BASE_URL"].rstrip("/")


def categories(most: int) -> list[dict[str, Any]]:
    """The shop's first `most` categories."""
    with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
        answer = client.get(f"{base_url()}/categories", params={"limit": most})
    return _body(answer)["items"][:most]


def product_urls(listed: Sequence[dict[str, Any]], most: int, workers: int) -> list[str]:
    """The addresses of up to `most` products of each category, asked for `workers` categories at once."""

    async def run() -> list[list[str]]:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:

            async def one(category: dict[str, Any]) -> list[str]:
                answer = await client.get(f"{category['url']}/products", params={"limit": most})
                return [item["url"] for item in _body(answer)["items"][:most]]

            return await async_batch.gather(listed, one, workers)

    return list(dict.fromkeys(url for urls in asyncio.run(run()) for url in urls))


def products(urls: Sequence[str], workers: int, delay: float, cache: Cache | None) -> tuple[list[Any], dict[str, Any]]:
    """The products behind the addresses, at the pace of the workers, and the crawl's statistics."""
    with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
        return parallel_crawler.crawl(urls, workers, delay, lambda url: fetch(client, url, cache))


def fetch(client: httpx.Client, url: str, cache: Cache | None) -> Any:
    """A page; one that is cached is asked for by its tag, and the shop's "not modified" makes it a hit."""
    known = cache.get(url) if cache else None
    try:
        answer = client.get(url, headers={"If-None-Match": known.tag} if known else {})
    except httpx.HTTPError as error:
        raise ShopError(f"{type(error).__name__}: {error}") from error
    if cache:
        cache.count("hits" if answer.status_code == 304 else "misses")
    if known and answer.status_code == 304:
        return known.body
    body = _body(answer)
    if cache and (tag := answer.headers.get("etag")):
        cache.put(url, Page(tag, body))
    return body


def _body(answer: httpx.Response) -> Any:
    if answer.status_code != 200:
        raise ShopError(f"{answer.request.url} answered {answer.status_code}")
    return answer.json()
