"""What must be there before the optimised crawl is deployed. It reports; its exit status is always 0.

Run it as the containers do: with PYTHONPATH=src.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = (
    "src/pipelines/load/db_pool.py",
    "src/pipelines/load/loader_optimized.py",
    "src/pipelines/crawl/parallel_crawler.py",
    "src/pipelines/crawl/crawl_products_parallel.py",
    "src/pipelines/optimized_pipeline.py",
    "src/pipelines/dag_integration.py",
    "src/common/batch_processor.py",
    "src/common/async_batch.py",
    "src/common/cache_utils.py",
    "src/common/memory_utils.py",
    "src/common/infrastructure_monitor.py",
    "config/postgresql_tuning.conf",
    "docker-compose.performance.yml",
    "dags/tiki_crawl_products_optimized_dag.py",
    "tests/final_validation.py",
    "tests/validate_optimized_dag.py",
)
MODULES = (
    "pipelines.load.db_pool",
    "pipelines.load.loader_optimized",
    "pipelines.crawl.parallel_crawler",
    "pipelines.crawl.crawl_products_parallel",
    "pipelines.optimized_pipeline",
    "common.batch_processor",
    "common.cache_utils",
    "common.memory_utils",
    "common.infrastructure_monitor",
)
PACKAGES = ("psycopg2", "redis", "psutil")
CONFIGURATION = ("docker-compose.yml", "docker-compose.performance.yml", ".env.example", "requirements.txt")


def module(name: str) -> str:
    """What keeps a module from being imported; empty when nothing does."""
    try:
        importlib.import_module(name)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def missing(name: str) -> str:
    return "" if (ROOT / name).is_file() else "missing"


def package(name: str) -> str:
    return "" if importlib.util.find_spec(name) else "not installed"


def batches() -> str:
    from common.batch_processor import process

    outcome = process(list(range(10)), 3, sum)
    return "" if outcome.results == [3, 12, 21, 9] and not outcome.failed else f"got {outcome}"


def cache() -> str:
    from common.cache_utils import PREFIX, Cache

    keys = {Cache._key(url) for url in ("a", "b", "a")}
    return "" if len(keys) == 2 and all(key.startswith(PREFIX) for key in keys) else f"got {keys}"


def section(title: str, checks: dict) -> int:
    """Print a section, one line a check; how many failed."""
    complaints = {name: check(name) for name, check in checks.items()}
    for name, complaint in complaints.items():
        print(f"  {'MISS' if complaint else 'OK  '} {name}{': ' + complaint if complaint else ''}")
    failed = sum(map(bool, complaints.values()))
    print(f"{title}: {len(checks) - failed} of {len(checks)}")
    return failed


def smoke(check):
    """A smoke test whose failure is a complaint."""

    def run(_: str) -> str:
        try:
            return check()
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    return run


def main() -> None:
    failed = section("Files", dict.fromkeys(FILES, missing))
    failed += section("Modules", dict.fromkeys(MODULES, module))
    failed += section("Packages", dict.fromkeys(PACKAGES, package))
    failed += section("Configuration", dict.fromkeys(CONFIGURATION, missing))
    failed += section("Smoke tests", {"batch processing": smoke(batches), "cache keys": smoke(cache)})
    print(f"VALIDATION {'FAILED' if failed else 'PASSED'}, Errors ({failed})")


if __name__ == "__main__":
    main()
