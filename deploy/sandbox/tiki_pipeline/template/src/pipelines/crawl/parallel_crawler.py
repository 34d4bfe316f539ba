"""Work in parallel at a steady pace: `workers` at once, each one item in `delay` seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Pace:
    """Turns `interval` seconds apart, whoever asks; nobody can take a turn early to make up for a late one."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.lock = threading.Lock()
        self.next = time.monotonic()

    def wait(self) -> None:
        """Wait for the next turn."""
        with self.lock:
            turn = max(self.next, time.monotonic())
            self.next = turn + self.interval
        time.sleep(max(0.0, turn - time.monotonic()))


def crawl(items: Sequence[str], workers: int, delay: float, fetch: Callable[[str], Any]) -> tuple[list[Any], dict[str, Any]]:
    """What `fetch` made of the items, and the statistics: total, succeeded, failed, elapsed (seconds), rate (per second).

    Together the workers begin one item every delay/workers seconds, and the last one's turn counts in full: the rate
    comes up to workers/delay, and never above. An item whose fetch raises OSError or ValueError has failed.
    """
    pace, began, results = Pace(delay / workers), time.monotonic(), []

    def one(item: str) -> Any:
        pace.wait()
        try:
            return fetch(item)
        except (OSError, ValueError) as error:
            print(f"failed: {item}: {error}")
            return None

    with ThreadPoolExecutor(workers) as executor:
        results = [result for result in executor.map(one, items) if result is not None]
    pace.wait()
    elapsed = time.monotonic() - began
    return results, {
        "total": len(items),
        "succeeded": len(results),
        "failed": len(items) - len(results),
        "elapsed": round(elapsed, 3),
        "rate": round(len(results) / elapsed, 2) if elapsed else 0.0,
        "workers": workers,
        "delay": delay,
    }
