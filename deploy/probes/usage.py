"""How much of the machine a container uses, from the Engine's numbers, which cgroup v1 and v2 name differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Sample = Mapping[str, Any]


def cpu(sample: Sample, allowed: float) -> float | None:
    """Per cent of the CPUs that the container may use (`allowed`; 0: all of the machine's); None where not told."""
    now, before = sample["cpu_stats"], sample["precpu_stats"]
    if not now.get("system_cpu_usage") or not before.get("system_cpu_usage"):
        return None
    used: float = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = now["system_cpu_usage"] - before["system_cpu_usage"]
    cpus = now.get("online_cpus") or len(now["cpu_usage"].get("percpu_usage") or ())
    if passed <= 0 or not cpus:
        return None
    share: float = used / passed * cpus / (allowed or cpus)
    return round(100.0 * share, 1)


def memory(sample: Sample) -> float | None:
    """Per cent of the memory limit that is really taken: file pages that can be dropped do not count."""
    told = sample["memory_stats"]
    if not told.get("usage") or not told.get("limit"):
        return None
    stats = told.get("stats") or {}
    inactive = stats.get("total_inactive_file", stats.get("inactive_file", 0))
    taken = told["usage"] - inactive if inactive < told["usage"] else told["usage"]
    return round(100.0 * float(taken) / float(told["limit"]), 1)
