"""A deployer that dies at any moment within a step, with whatever it had running at that moment."""

from __future__ import annotations

import random
from functools import partial

import pytest

from deploy.backups import swap
from deploy.backups.content import Connection
from deploy.errors import DeploymentFailed
from tests.flow.ends import assert_as_before, assert_deployed, data
from tests.flow.world import KILLED, World, in_child, kill_self, killed_after
from tests.points import todays

pytestmark = pytest.mark.live

LENGTHS = {"backup": 0.5, "release": 0.1, "migrate": 0.1, "load": 0.15}  # seconds, about
RANDOM = random.Random(20261123)
MOMENTS = [(step, round(RANDOM.uniform(0, length), 3)) for step, length in LENGTHS.items() for _ in range(3)]
WITHIN_RESTORE = [round(RANDOM.uniform(0, 0.6), 3) for _ in range(4)]


@pytest.mark.parametrize("forward", [True, False], ids=["resumed", "rolled back"])
@pytest.mark.parametrize(("step", "delay"), todays(MOMENTS, 5))
def test_death_within_a_step(world: World, step: str, delay: float, forward: bool) -> None:
    before = data(world)
    killed_after(partial(world.deploy, "v2"), f"step.intended {step}", delay, world.folder / "log")
    if forward:
        world.resume()
        assert_deployed(world, before)
    else:
        world.roll_back()
        assert_as_before(world, before)


@pytest.mark.parametrize("delay", WITHIN_RESTORE)
def test_death_within_the_restore(world: World, delay: float) -> None:
    before, content = data(world), world.content()
    killed_after(partial(world.deploy, "destructive"), "undo.intended restore", delay, world.folder / "log")
    with pytest.raises(DeploymentFailed, match="is rolled back"):
        world.resume()
    assert_as_before(world, before)
    assert world.content() == content


def test_death_right_after_the_swap_leaves_no_closed_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before, content = data(world), world.content()
    closing = swap.allow_connections

    def die_before_opening(admin: Connection, dbname: str, allowed: bool) -> None:
        kill_self() if allowed else closing(admin, dbname, allowed)

    with monkeypatch.context() as patched:
        patched.setattr(swap, "allow_connections", die_before_opening)
        assert in_child(partial(world.deploy, "destructive"), world.folder / "log") == KILLED
    world.roll_back()
    assert_as_before(world, before)
    assert world.content() == content
    closed = f"select count(*) from pg_database where starts_with(datname, '{world.name}') and not datallowconn"
    assert world.value(closed) == 0
