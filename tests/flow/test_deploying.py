"""A deployment that goes well."""

from __future__ import annotations

import pytest

from tests.flow.world import World

pytestmark = pytest.mark.live


def test_second_release_is_deployed_over_the_first(world: World) -> None:
    journal = world.deploy("v2")
    state = world.state()
    assert state.release == world.releases["v2"]
    assert state.workers == 1
    assert state.outcomes == ("succeeded", "succeeded")
    assert not state.locked
    assert state.leftovers == ()
    assert state.flaws == ()
    assert world.loads()[journal.id] == 40
    assert "score" in world.columns()
