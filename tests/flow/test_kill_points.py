"""A deployment that is killed, right before or right after any record of its journal, can be finished or taken back.

On any day a part of the records is tried, the others have their turn on the next; `KILL_POINTS=all` tries all of them.
"""

from __future__ import annotations

from functools import partial

import pytest

from deploy.errors import ConfigError, DeploymentFailed, LockHeld
from deploy.operate import unlock
from tests.flow.ends import Data, assert_as_before, assert_deployed, data
from tests.flow.world import World, in_child, killed_at
from tests.points import todays

pytestmark = pytest.mark.live

RECORDS = 50  # of a deployment that goes well
HELD = 38  # the record by which the gate of the load is closed; what follows is the rollback
ROLLED_BACK = {"unhealthy": 58, "destructive": 56}  # records when the database is kept, and when it is restored
DONE = (7, 12, 17, 22, 24, 29, 31, 36)  # what steps have done; an act lies between each of them and the one before

# What is right before a record is right after the one before, unless an act lies between. So this goes both ways from
# every state in which a deployment can be cut off.
CUTS = [
    *((number, "before", "resumed") for number in range(1, RECORDS + 1)),
    *((number, "after", "rolled back") for number in range(1, RECORDS + 1)),
    *((number, "before", "rolled back") for number in DONE),
    *((number - 1, "after", "resumed") for number in DONE),
]


def test_every_record_of_a_deployment_is_a_kill_point(world: World) -> None:
    kinds = [record["kind"] for record in world.deploy("v2").records]
    assert len(kinds) == RECORDS
    assert tuple(number for number, kind in enumerate(kinds, 1) if kind == "step.done") == DONE


@pytest.mark.parametrize(("number", "when", "how"), todays(CUTS, 20))
def test_killed_deployment_is_resumed_or_rolled_back(world: World, number: int, when: str, how: str) -> None:
    before = data(world)
    killed_at(partial(world.deploy, "v2"), number, when, world.folder / "log")
    if (number, when) == (1, "before"):
        nothing_was_begun(world, before)
    elif (number, when) == (RECORDS, "after"):
        all_was_done(world, before)
    elif how == "resumed":
        world.resume()
        assert_deployed(world, before)
    else:
        world.roll_back()
        assert_as_before(world, before)


def nothing_was_begun(world: World, before: Data) -> None:
    """Killed between taking the lock and opening the journal, a deployment leaves a lock for a person to remove."""
    with pytest.raises(ConfigError, match="nothing to resume"):
        world.resume()
    with pytest.raises(LockHeld, match=r"deploy\.unlock"):
        world.roll_back()
    unlock(world.session())
    world.deploy("v2")
    assert_deployed(world, before)


def all_was_done(world: World, before: Data) -> None:
    """Killed after the last record, a deployment has succeeded; only its lock is left."""
    with pytest.raises(ConfigError, match="nothing to resume"):
        world.resume()
    unlock(world.session())
    assert_deployed(world, before)


@pytest.mark.parametrize("ref", ["unhealthy", "destructive"])
def test_every_record_of_a_rollback_is_a_kill_point(world: World, ref: str) -> None:
    with pytest.raises(DeploymentFailed, match="Rolled back"):
        world.deploy(ref)
    kinds = [record["kind"] for record in world.archive.journals()[-1].records]
    assert (kinds[HELD - 1], len(kinds)) == ("phase.held", ROLLED_BACK[ref])


@pytest.mark.parametrize(
    ("ref", "when", "number"),
    todays(
        [("unhealthy", "before", number) for number in range(HELD, ROLLED_BACK["unhealthy"] + 1)]
        + [("destructive", "after", number) for number in range(HELD, ROLLED_BACK["destructive"] + 1)],
        8,
    ),
)
def test_killed_rollback_is_finished(world: World, ref: str, when: str, number: int) -> None:
    """With the database kept, and with it restored; asked for by resume and by rollback in turns."""
    before = data(world)
    killed_at(partial(world.deploy, ref), number, when, world.folder / "log")
    if (number, when) == (ROLLED_BACK[ref], "after"):
        unlock(world.session())
    elif number % 2 or number == HELD:
        world.roll_back()
    else:
        with pytest.raises(DeploymentFailed, match="is rolled back"):
            world.resume()
    assert_as_before(world, before)


def test_rollback_that_is_killed_twice_is_finished(world: World) -> None:
    before = data(world)
    log = world.folder / "log"
    killed_at(partial(world.deploy, "destructive"), 45, "before", log)
    killed_at(world.roll_back, 5, "after", log)
    killed_at(world.roll_back, 9, "before", log)
    world.roll_back()
    assert_as_before(world, before)


def test_torn_last_line_of_the_journal_is_cut_off_and_told(world: World) -> None:
    before = data(world)
    killed_at(partial(world.deploy, "v2"), 24, "after", world.folder / "log")
    path = world.archive.paths()[-1]
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    world.resume()
    assert_deployed(world, before)
    journal = world.archive.journals()[-1]
    repaired = journal.last("repaired")
    assert repaired and repaired["cut"] == len(whole.splitlines()[-1]) - 6


def test_kill_leaves_nothing_of_the_test_itself(world: World) -> None:
    """The child that dies is a copy of this process; what it knew of its death is not known here."""
    assert in_child(lambda: world.deploy("v2"), world.folder / "log") == 0


def test_killed_deployment_of_what_runs_already_is_resumed(world: World) -> None:
    """Its load was made by the deployment before it, and is judged as that one's."""
    before, content = data(world), world.content()
    killed_at(partial(world.deploy, "v1"), 30, "after", world.folder / "log")
    world.resume()
    state = world.state()
    assert (state.release, state.workers, state.outcomes[-1]) == (world.releases["v1"], 1, "succeeded")
    assert data(world, before) == before
    assert world.content() == content
