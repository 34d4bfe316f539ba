"""A deployment to three hosts, and back."""

from __future__ import annotations

import pytest

from deploy.errors import DeploymentFailed
from tests.fleet.world import FleetWorld

pytestmark = pytest.mark.live


def test_a_release_reaches_all_hosts_and_goes_back(world: FleetWorld) -> None:
    v1, v2 = world.releases["v1"], world.releases["v2"]
    before = world.content()
    assert world.current() == [v1] * 3 and world.workers() == [1] * 3
    journal = world.deploy("v2")
    assert world.current() == [v2] * 3 and world.workers() == [1] * 3
    once = [record["step"] for record in journal.all("step.done") if "host" not in record]
    assert once == ["backup", "rehearse", "migrate", "load"]
    switched = [record["host"] for record in journal.all("step.done", step="switch")]
    assert sorted(switched) == sorted(world.address(host) for host in world.fleet.hosts)
    assert switched[0] == world.address(world.fleet.hosts[0])  # the first batch is one host
    assert journal.last("batch.checked", batch="1 of 2")
    again = world.deploy("v2")
    assert not list(again.all("step.done", step="switch")) and not list(again.all("step.done", step="release"))
    world.roll_back()
    world.roll_back()
    assert world.current() == [v1] * 3 and world.workers() == [1] * 3
    assert world.content() == before or world.columns()  # migrations that only add stay


def test_a_release_that_fails_goes_back_on_every_host(world: FleetWorld) -> None:
    with pytest.raises(DeploymentFailed, match="Rolled back"):
        world.deploy("unhealthy")
    assert world.current() == [world.releases["v1"]] * 3 and world.workers() == [1] * 3
