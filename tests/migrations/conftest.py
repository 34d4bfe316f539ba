"""Empty productions, each with a release folder to fill."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backups.world import World, build
from tests.conftest import LivePostgres
from tests.migrations.world import first

numbers = itertools.count()


@pytest.fixture
def bare(postgres: LivePostgres, tmp_path: Path) -> Callable[[], World]:
    """Builds empty productions."""

    def made() -> World:
        number = next(numbers)
        return build(postgres.url(), postgres.bin, tmp_path / f"root{number}", f"moved{number}", content="")

    return made


@pytest.fixture
def world(bare: Callable[[], World]) -> World:
    """A production without tables, and a release whose first migration makes one."""
    made = bare()
    first(made)
    return made
