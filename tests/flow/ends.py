"""The two ways in which a deployment may end, whatever happened on the way."""

from __future__ import annotations

from tests.flow.world import World

Data = dict[str, str]


def data(world: World, like: Data | None = None) -> Data:
    """Checksums of what v1 knows: its columns of every table, and the rows of its own load."""
    (load,) = [like["load"]] if like else world.loads()
    places = world.value("select md5(string_agg((id, name)::text, ',' order by id)) from place")
    rows = "select md5(string_agg((n, place, value)::text, ',' order by n)) from record where load_id = "
    return {"load": load, "places": places, "records": world.value(f"{rows} '{load}'")}


def assert_deployed(world: World, before: Data) -> None:
    """v2 is deployed as if nothing had happened: once, whole, with nothing left over."""
    state = world.state()
    assert state.release == world.releases["v2"]
    assert state.workers == 1
    assert (state.locked, state.leftovers, state.flaws) == (False, (), ())
    assert state.outcomes[-1] == "succeeded"
    assert "score" in world.columns()
    assert sorted(world.loads().values()) == [40, 40]
    assert data(world, before) == before


def assert_as_before(world: World, before: Data) -> None:
    """v1 runs, the data that was there is what it was, and nothing of the other load is left."""
    state = world.state()
    assert state.release == world.releases["v1"]
    assert state.workers == 1
    assert (state.locked, state.leftovers, state.flaws) == (False, (), ())
    assert state.outcomes[-1] in ("rolled back", "stopped")
    assert data(world, before) == before
    assert list(world.loads()) == [before["load"]]
