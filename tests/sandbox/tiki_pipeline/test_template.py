"""The template's Compose project, its own checks, and the parts of its code that need no service."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from deploy.sandbox.binaries import Binaries
from deploy.sandbox.tiki_pipeline import history, images, override, stack

TEMPLATE = history.HERE / "template"
COMPOSE = yaml.safe_load((TEMPLATE / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
STORES = ("postgres", "redis")
PROGRAMS = images.Programs(
    Binaries(Path("/usr/lib/postgresql/15/bin"), 15), Path("/opt/valkey/redis-server"), Path("/a")
)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of the template as its containers do, and forgets it afterwards."""
    monkeypatch.syspath_prepend(str(TEMPLATE / "src"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("pipelines", "common"):
            del sys.modules[name]


def test_every_service_is_watched_bounded_and_stopped_with_patience() -> None:
    assert set(SERVICES) == set(override.KINDS)
    for name, service in SERVICES.items():
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["mem_limit"], name
        if name != "airflow-init":
            assert service["restart"] == "unless-stopped", name
            assert service["stop_grace_period"], name
            assert service["healthcheck"]["test"], name


@pytest.mark.parametrize("name", STORES)
def test_a_new_release_does_not_start_a_store_anew(name: str) -> None:
    tuned = yaml.safe_load((TEMPLATE / "docker-compose.performance.yml").read_text())["services"][name]
    mounted = [*SERVICES[name]["volumes"], *tuned.get("volumes", [])]
    assert [volume.split(":")[0] for volume in mounted] == [f"{name}-data"]


def test_what_compose_asks_for_is_in_the_example_and_in_the_sandboxes_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()
    for name in ("docker-compose.yml", "docker-compose.performance.yml"):
        asked |= set(re.findall(r"(?<!\$)\$\{(\w+)", (TEMPLATE / name).read_text()))
    example = set(re.findall(r"^(\w+)=", (TEMPLATE / ".env.example").read_text(), re.MULTILINE))
    assert asked - example == {"REDIS_MAXMEMORY", "AIRFLOW_WORKER_CONCURRENCY"}  # which have defaults
    monkeypatch.setattr(stack, "published", lambda project: set())
    sandbox = stack.Stack(tmp_path)
    sandbox.folder.mkdir(parents=True)
    assert stack.settings(sandbox, dict.fromkeys(("airflow", "postgres", "redis"), "image")).keys() == example


def test_the_variables_are_those_that_the_module_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "published", lambda project: set())
    sandbox = stack.Stack(tmp_path)
    sandbox.folder.mkdir(parents=True)
    listed = re.findall(r"^    (SANDBOX_TIKI_\w+)", str(stack.__doc__), re.MULTILINE)
    assert sorted(listed) == sorted(stack.variables(sandbox, "unix:///var/run/docker.sock", PROGRAMS))


def test_a_port_that_our_containers_hold_is_kept_and_one_that_others_took_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.sandbox.ports.is_free", lambda port: port != 20001)
    (tmp_path / "api.port").write_text("20001\n")
    assert stack._port(tmp_path / "api.port", {20001}) == 20001
    assert stack._port(tmp_path / "api.port", set()) != 20001


def test_containers_mount_what_does_not_lie_in_usr() -> None:
    assert PROGRAMS.mounts("postgres") == ["/usr"]
    assert override.mounts(PROGRAMS, "redis") == ["/usr:/usr:ro"]  # the folder is not there


def test_an_image_is_the_same_for_the_same_content() -> None:
    made = images.skeleton(b"exec true", {"redis-server": "/usr/bin/redis-server"})
    assert made == images.skeleton(b"exec true", {"redis-server": "/usr/bin/redis-server"})
    assert made != images.skeleton(b"exec false", {"redis-server": "/usr/bin/redis-server"})


@pytest.mark.parametrize("script", ["final_validation.py", "validate_optimized_dag.py"])
def test_its_own_checks_end_with_zero_whatever_they_find(script: str, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / script).write_bytes((TEMPLATE / "tests" / script).read_bytes())
    whole = subprocess.run(
        [sys.executable, "-B", TEMPLATE / "tests" / script], capture_output=True, text=True, check=False
    )
    assert whole.returncode == 0 and "VALIDATION" in whole.stdout
    if script == "final_validation.py":
        alone = subprocess.run(
            [sys.executable, tmp_path / "tests" / script], capture_output=True, text=True, check=False
        )
        assert alone.returncode == 0 and "VALIDATION FAILED" in alone.stdout
        assert "Files: 16 of 16" in whole.stdout and "Files: 1 of 16" in alone.stdout
    else:
        assert "Usage: 5 of 5\nXCom: 10 pushed, 10 pulled, 0 unmatched" in whole.stdout


def test_a_crawl_counts_what_failed_and_takes_one_turn_an_item(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    crawler = source("pipelines.crawl.parallel_crawler")
    clock = [100.0]
    monkeypatch.setattr(crawler.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(crawler.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))

    def fetch(item: str) -> str:
        if item == "bad":
            raise ValueError("gone")
        return item

    results, stats = crawler.crawl(["a", "b", "bad", "c"], 1, 0.5, fetch)
    assert results == ["a", "b", "c"]
    assert (stats["total"], stats["succeeded"], stats["failed"], stats["elapsed"], stats["rate"]) == (4, 3, 1, 2.0, 1.5)


def test_a_batch_that_fails_leaves_the_others(source: Any) -> None:
    outcome = source("common.batch_processor").process([4, 2, 0, 1], 1, lambda batch: 4 / batch[0])
    assert (outcome.results, outcome.failed) == ([1.0, 2.0, 4.0], 1)
    assert outcome.errors == ["ZeroDivisionError: division by zero"]


def test_what_the_shop_does_not_tell_is_not_computed(source: Any) -> None:
    from deploy.sandbox.tiki_pipeline import shop

    found = shop.page("/products/70", 0, "http://shop")
    (product,) = source("pipelines.optimized_pipeline").transform([found, {"product_id": "1"}])
    assert product["discount_percent"] is None and product["value_score"] is None
    assert product["estimated_revenue"] == product["price"] * product["sales_count"]
