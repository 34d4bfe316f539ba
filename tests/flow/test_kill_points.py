"""A deployment that is killed, right before or right after any record of its journal, can be finished or taken back."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from deploy.errors import ConfigError, DeploymentFailed, LockHeld
from deploy.operate import unlock
from deploy.session import closed
from tests.flow.world import KILLED, World, in_child, killed_at

pytestmark = pytest.mark.live

RECORDS = 50  # of a deployment that goes well
NUMBERS = range(1, RECORDS + 1)
WHENS = ("before", "after")


def test_every_record_of_a_deployment_is_a_kill_point(world: World) -> None:
    assert len(world.deploy("v2").records) == RECORDS


def killed(world: World, ref: str, number: int, when: str) -> None:
    """A deployment that dies at this record."""
    with killed_at(number, when):
        code = in_child(partial(world.deploy, ref), world.folder / "killed.log")
    assert code == KILLED, (world.folder / "killed.log").read_text()


def assert_deployed(world: World, ref: str, loads: dict[str, int]) -> None:
    """The release is deployed as if nothing had happened: once, whole, with nothing left over."""
    state = world.state()
    assert state.release == world.releases[ref]
    assert state.workers == 1
    assert (state.locked, state.scratch, state.flaws) == (False, (), ())
    assert set(state.outcomes) == {"succeeded"}
    assert "score" in world.columns()
    loaded = world.loads()
    assert loaded | loads == loaded
    assert sorted(loaded.values()) == [40, 40]


def assert_as_before(world: World, before: dict[str, str]) -> None:
    """The first release runs, and the data that was there is what it was."""
    state = world.state()
    assert state.release == world.releases["v1"]
    assert state.workers == 1
    assert (state.locked, state.scratch, state.flaws) == (False, (), ())
    assert data(world, before) == before


def data(world: World, like: dict[str, str] | None = None) -> dict[str, str]:
    """Checksums of what v1 knows: its columns of every table, and its own load's rows."""
    (load,) = [like["load"]] if like else world.loads()
    places = world.value("select md5(string_agg((id, name)::text, ',' order by id)) from place")
    rows = "select md5(string_agg((n, place, value)::text, ',' order by n)) from record where load_id = "
    return {"load": load, "places": places, "records": world.value(f"{rows} '{load}'")}


@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("number", NUMBERS)
def test_killed_deployment_is_resumed_or_rolled_back(world: World, number: int, when: str) -> None:
    loads, before = world.loads(), data(world)
    killed(world, "v2", number, when)
    if (number, when) == (1, "before"):
        nothing_was_begun(world, before)
    elif (number, when) == (RECORDS, "after"):
        all_was_done(world, loads)
    elif (number % 2 == 0) == (when == "before"):
        world.resume()
        assert_deployed(world, "v2", loads)
    else:
        world.roll_back()
        assert_as_before(world, before)
        assert world.state().outcomes[-1] in ("rolled back", "stopped")
        assert world.loads() == loads, "what a deployment that never ended had loaded is gone"


def nothing_was_begun(world: World, before: dict[str, str]) -> None:
    """Killed between taking the lock and opening the journal, a deployment leaves a lock for a person to remove."""
    with pytest.raises(ConfigError, match="nothing to resume"):
        world.resume()
    with pytest.raises(LockHeld, match=r"deploy\.unlock"):
        world.roll_back()
    unlock(world.session())
    assert_as_before(world, before)


def all_was_done(world: World, loads: dict[str, int]) -> None:
    """Killed after the last record, a deployment has succeeded; only its lock is left."""
    with pytest.raises(ConfigError, match="nothing to resume"):
        world.resume()
    unlock(world.session())
    assert_deployed(world, "v2", loads)
