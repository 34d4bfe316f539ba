"""A step on the hosts of a fleet: by itself on each, many at once, in batches, and what becomes of those that fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from deploy.errors import DeployError, StepFailed

WORKERS = 16


def batches(hosts: Sequence[str], sizes: Sequence[str | int]) -> list[list[str]]:
    """The hosts in portions: each size a number or a part of all (rounded up); the last size goes for what is left."""
    left, portions = list(hosts), []
    for size in [*sizes, *[sizes[-1]] * len(left)]:
        count = -(-len(hosts) * int(size[:-1]) // 100) if isinstance(size, str) else size
        if portion := left[:count]:
            portions.append(portion)
        left = left[count:]
    return portions


def on_each(
    hosts: Sequence[str], work: Callable[[str], None], stopped: threading.Event
) -> dict[str, DeployError | OSError]:
    """Do something for each host, at the same time; what failed, by host.

    One host is worked on in this thread, and its error raised as it is. An interruption stops the commands that run on
    all of them (`stopped`), waits for their ends and goes on upwards, and so does a defect of ours.
    """
    if len(hosts) == 1:
        work(hosts[0])
        return {}
    with ThreadPoolExecutor(min(WORKERS, len(hosts))) as pool:
        running = {host: pool.submit(work, host) for host in hosts}
        try:
            wait(running.values())
        except BaseException:
            stopped.set()
            for each in running.values():
                each.cancel()
            wait(running.values())
            stopped.clear()
            raise
    errors = {host: each.exception() for host, each in running.items()}
    return {host: _ours(error) for host, error in errors.items() if error is not None}


def _ours(error: BaseException) -> DeployError | OSError:
    if isinstance(error, DeployError | OSError):
        return error
    raise error


def joined(title: str, errors: dict[str, DeployError | OSError], hosts: int) -> StepFailed:
    """The errors of several hosts as one."""
    lines = [f"{title} failed on {len(errors)} of {hosts} hosts:", *(f"{h}: {error}" for h, error in errors.items())]
    return StepFailed("\n".join(lines))
