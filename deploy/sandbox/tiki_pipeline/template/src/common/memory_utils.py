"""How much memory this process and its container use."""

from __future__ import annotations

import resource
from pathlib import Path

MEBIBYTE = 1024 * 1024
USED = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")
LIMIT = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def peak_mb() -> float:
    """The most memory this process ever had, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def container_mb(files: tuple[str, ...] = USED) -> float | None:
    """What this container uses (or may use, of LIMIT) in MiB, whichever version of cgroups tells; None: no limit."""
    for name in files:
        path = Path(name)
        if path.exists():
            value = path.read_text().strip()
            return None if value == "max" else round(int(value) / MEBIBYTE, 1)
    return None
