"""Many waits at once, a limited number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def gather(items: Sequence[T], work: Callable[[T], Awaitable[R]], limit: int) -> list[R]:
    """`work` done for every item, at most `limit` at once; results in the items' order, the first error raised."""
    gate = asyncio.Semaphore(limit)

    async def one(item: T) -> R:
        async with gate:
            return await work(item)

    return list(await asyncio.gather(*(one(item) for item in items)))
