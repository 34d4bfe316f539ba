"""An operator killed at any record of a deployment to three hosts; another one, elsewhere, finishes or undoes it.

A few of the records are tried on any day, others on the next: `KILL_POINTS=all` tries all of them.
"""

from __future__ import annotations

import os
import socket
from functools import partial

import pytest

from deploy.errors import ConfigError
from tests.flow.ends import data
from tests.flow.fleet.world import FleetWorld
from tests.flow.world import killed_at
from tests.points import todays

pytestmark = pytest.mark.live

RECORDS = 75  # of a deployment to three hosts that goes well
POINTS = [(number, how) for number in range(2, RECORDS) for how in ("resumed", "rolled back")]


def test_every_record_of_a_deployment_to_a_fleet_is_a_kill_point(world: FleetWorld) -> None:
    assert len(world.deploy("v2").records) == RECORDS


@pytest.mark.parametrize(("number", "how"), todays(POINTS, 4))
def test_operator_killed_and_another_one_takes_over(
    world: FleetWorld, number: int, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = data(world)
    killed_at(partial(world.deploy, "v2"), number, "after", world.folder / "log")
    elsewhere(world, monkeypatch)
    if how == "resumed":
        world.resume()
        assert world.current() == [world.releases["v2"]] * 3
        assert sorted(world.loads().values()) == [40, 40]
    else:
        world.roll_back()
        assert world.current() == [world.releases["v1"]] * 3
        assert list(world.loads()) == [before["load"]]
    assert world.workers() == [1] * 3
    assert data(world, before) == before
    assert not (world.control / "lock").exists() and world.archive_here().verify() == []
    with pytest.raises(ConfigError, match="nothing to resume"):
        world.resume()


def elsewhere(world: FleetWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on this is another machine, two minutes later: nothing was kept here, and the heart has stopped."""
    monkeypatch.setenv("DEPLOY_STATE", str(world.folder / "elsewhere"))
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere.example")
    lock = world.control / "lock"
    os.utime(lock, (lock.stat().st_mtime - 120,) * 2)
