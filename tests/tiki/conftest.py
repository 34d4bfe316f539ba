"""One Compose stack for all of this folder, on one worker (see the scheduler in tests/conftest.py)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiki.stack import Stack


@pytest.fixture(scope="session")
def deployed() -> Iterator[Stack]:
    """A checkout in which one command brought the stack up with its first release, v1."""
    folder = Path(tempfile.mkdtemp(prefix="tiki-"))
    stack = Stack.make(folder)
    try:
        stack.invoke("deploy.compose", "--ref", "v1")
        yield stack
    finally:
        stack.invoke("sandbox.reset", "--force")
        shutil.rmtree(folder)


@pytest.fixture
def stack(deployed: Stack) -> Iterator[Stack]:
    """v1 is deployed, the optimised DAG runs daily, and nothing is at work; whatever a test did, it is so again."""
    deployed.idle()
    before = deployed.production()
    yield deployed
    deployed.idle()
    after = deployed.production()
    assert deployed.unsettled() == []
    assert (after.release, after.pauses, after.variables) == (before.release, before.pauses, before.variables)
    assert set(after.mounted.values()) == {before.release}
