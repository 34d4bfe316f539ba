"""What the monitor's tests share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def nobody_cuts_the_power(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours are played here, with thousands of writings: none of them waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
