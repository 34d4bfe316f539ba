"""One checkout and sandbox for each worker; each test begins in a saved state of it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.checkout import Checkout, Snapshot


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Checkout]:
    """A checkout in which v1 was deployed to an empty database, then v2 over it; each state is saved."""
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    checkout = Checkout.make(folder)
    try:
        checkout.invoke("sandbox.start")
        checkout.save("empty")
        for ref in ("v1", "v2"):
            checkout.invoke("deploy.local", "--ref", ref)
            checkout.save(ref)
        yield checkout
    finally:
        checkout.invoke("sandbox.reset", "--force")
        shutil.rmtree(folder)


@pytest.fixture
def checkout(sandbox: Checkout) -> Iterator[Checkout]:
    """The sandbox, in no state in particular; whatever a test did, nothing may be left behind."""
    yield sandbox
    assert sandbox.unsettled() == []


@pytest.fixture
def v1(checkout: Checkout) -> Snapshot:
    """v1 is deployed."""
    return checkout.back_to("v1")


@pytest.fixture
def v2(checkout: Checkout) -> Snapshot:
    """v2 is deployed over v1."""
    return checkout.back_to("v2")
