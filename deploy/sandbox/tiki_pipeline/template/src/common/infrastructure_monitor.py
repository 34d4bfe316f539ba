"""The state of what the pipeline runs on. Each part tells what it found or raises: no part is ever silently empty."""

from __future__ import annotations

import os
import shutil
import socket
from typing import Any

import psutil
import redis

from common import memory_utils

HIT_RATIO = """
select round(100.0 * sum(heap_blks_hit) / nullif(sum(heap_blks_hit) + sum(heap_blks_read), 0), 2)
from pg_statio_user_tables
"""


def get_system_resources() -> dict[str, Any]:
    memory, disk = psutil.virtual_memory(), shutil.disk_usage("/")
    return {
        "cpu_percent": psutil.cpu_percent(interval=0.2),
        "cpu_count": psutil.cpu_count(),
        "memory_percent": memory.percent,
        "memory_available_mb": round(memory.available / 1024**2, 1),
        "disk_usage_percent": round(100 * disk.used / disk.total, 1),
        "peak_mb": memory_utils.peak_mb(),
    }


def get_docker_stats() -> dict[str, Any]:
    """This container, from its own cgroup: there is no Docker client in it, and it needs none."""
    return {
        "container": socket.gethostname(),
        "memory_mb": memory_utils.container_mb(),
        "memory_limit_mb": memory_utils.container_mb(memory_utils.LIMIT),
        "processes": len(psutil.pids()),
    }


def get_postgres_stats(connection: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("select pg_database_size(current_database()) / 1048576.0, current_setting('max_connections')")
        size, most = cursor.fetchone()
        cursor.execute("select count(*) from pg_stat_activity where datname is not null")
        (active,) = cursor.fetchone()
        cursor.execute(HIT_RATIO)
        (ratio,) = cursor.fetchone()
    return {
        "db_size_mb": round(float(size), 1),
        "active_connections": active,
        "max_connections": int(most),
        "cache_hit_ratio": None if ratio is None else float(ratio),
    }


def get_redis_stats(url: str | None = None) -> dict[str, Any]:
    info = redis.Redis.from_url(url or os.environ["CACHE_URL"]).info()
    names = ("redis_version", "used_memory", "connected_clients", "keyspace_hits", "keyspace_misses", "evicted_keys")
    return {name: info[name] for name in names}
