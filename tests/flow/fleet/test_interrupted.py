"""Ctrl-C while three hosts are worked on: nothing runs on, nothing is locked, and production is what it was."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from tests.flow.fleet.world import FleetWorld
from tests.flow.world import ended, fork
from tests.ssh.world import wait_until

pytestmark = pytest.mark.live

SLOW = """\
  build:
    - name: a long build
      run: [sleep, "4712"]
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_operator(world: FleetWorld, number: int) -> None:
    described = world.systems / "tiny" / "system.yaml"
    described.write_text(described.read_text().replace("  keep: 3\n", f"  keep: 3\n{SLOW}", 1))
    operator = fork(partial(world.deploy, "v2"), world.folder / "log")
    wait_until(lambda: all(host.running("sleep 4712") for host in world.fleet.hosts))
    os.kill(operator, number)
    code = ended(operator)
    wait_until(lambda: not any(host.running("sleep 4712") for host in world.fleet.hosts))
    assert world.current() == [world.releases["v1"]] * 3 and world.workers() == [1] * 3
    if number == signal.SIGINT:
        assert (code, (world.control / "lock").exists()) == (3, False), (world.folder / "log").read_text()
        assert "Production was not touched" in (world.folder / "log").read_text()
