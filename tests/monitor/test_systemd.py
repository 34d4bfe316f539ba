"""The timer, read by systemd itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.monitor.test_install import timer

pytestmark = pytest.mark.live


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    paths = []
    for name, text in timer("systemd", tmp_path).unit_files().items():
        (tmp_path / name).write_text(text)
        paths.append(str(tmp_path / name))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) not in done.stderr and "monitor-shop" not in done.stderr, done.stderr
