"""A deployment that goes well."""

from __future__ import annotations

import pytest

from deploy.errors import GateClosed
from deploy.session import new_id
from tests.flow.world import World

NEVER_HOLDS = """
## prereqs

- [ ] There is a tool that nobody has
  ```yaml
  id: no-such-tool
  probe: machine.tools
  tools: [no-such-tool]
  action: None.
  ```
"""


def test_identities_sort_by_time_within_a_second_as_well() -> None:
    made = []
    while len(made) < 200 or made[0][:16] == made[-1][:16]:
        made.append(new_id())
    assert made == sorted(made)
    assert len(set(made)) > 100


@pytest.mark.live
def test_deployments_that_stop_at_once_leave_journals_in_their_order(world: World) -> None:
    checklist = world.systems / "tiny" / "checklist.md"
    checklist.write_text(checklist.read_text() + NEVER_HOLDS)
    for _ in range(4):
        with pytest.raises(GateClosed):
            world.deploy("v2")
    assert world.state().flaws == ()
    assert world.state().outcomes == ("succeeded", *["stopped"] * 4)


@pytest.mark.live
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
