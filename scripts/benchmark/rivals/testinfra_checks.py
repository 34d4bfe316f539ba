"""The checks by pytest-testinfra: a test for each check and host. ASKED names the file of what is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.benchmark.asked import Asked

ASKED = Asked.read(os.environ["ASKED"])
told: dict[str, list[str]] = {}


@pytest.fixture(scope="session", autouse=True)
def kept() -> Iterator[None]:
    yield
    for host, answers in told.items():
        ASKED.save(host, answers)


@pytest.mark.parametrize("check", ASKED.checks)
def test_check(host: Any, check: str) -> None:
    done = host.run(check)
    assert done.rc == 0, done
    told.setdefault(host.backend.host.name, []).append(done.stdout)
