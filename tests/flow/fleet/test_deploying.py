"""A deployment to three hosts, and back."""

from __future__ import annotations

import json

import pytest

from deploy.errors import DeploymentFailed
from tests.flow.ends import data
from tests.flow.fleet.world import FleetWorld

pytestmark = pytest.mark.live


@pytest.mark.parametrize("transport", ["fabric", "openssh"])
def test_a_release_reaches_all_hosts_and_goes_back(world: FleetWorld, transport: str) -> None:
    world.transport = transport
    v1, v2 = world.releases["v1"], world.releases["v2"]
    before = data(world)
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
    assert data(world, before) == before and list(world.loads()).count(before["load"]) == 1


def test_a_release_that_fails_goes_back_on_every_host(world: FleetWorld) -> None:
    with pytest.raises(DeploymentFailed, match="Rolled back"):
        world.deploy("unhealthy")
    assert world.current() == [world.releases["v1"]] * 3 and world.workers() == [1] * 3


def test_the_commands_that_people_type(world: FleetWorld) -> None:
    hosts = [world.address(host) for host in world.fleet.hosts]
    found = world.invoke("hosts", "--format=json")
    assert found.returncode == 0, found.stdout + found.stderr
    assert [host["host"] for host in json.loads(found.stdout)] == hosts
    wrong = world.invoke("deploy.fleet", "--ref=v2", "--yes", "--hosts=10.77.0.9")
    assert wrong.returncode == 2 and "is no host of this environment" in wrong.stderr
    done = world.invoke("deploy.fleet", "--ref=v2", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"batch 1 of 2: {hosts[0]}" in done.stdout
    status = world.invoke("deploy.status")
    assert f"on   3      {world.releases['v2']}: {', '.join(hosts)}" in status.stdout, status.stdout + status.stderr
    plan = world.invoke("rollback.plan")
    assert all(f"undo: switch to the release (on {host})" in plan.stdout for host in hosts), plan.stdout + plan.stderr
    back = world.invoke("rollback")
    assert back.returncode == 0, back.stdout + back.stderr
    assert world.current() == [world.releases["v1"]] * 3
