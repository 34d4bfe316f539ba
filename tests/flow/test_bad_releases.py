"""Releases that are bad, each in its own way: production ends as it was before, or a person is told what to do."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from deploy import durable
from deploy.errors import ConfigError, DeployError, DeploymentFailed, PersonNeeded
from tests.flow.ends import assert_as_before, assert_deployed, data
from tests.flow.world import World

pytestmark = pytest.mark.live


def test_release_that_the_data_does_not_fit_never_reaches_production(world: World) -> None:
    before, workers, content = data(world), world.pids(), world.content()
    with pytest.raises(DeployError):
        world.deploy("unfit")
    assert_as_before(world, before)
    assert world.state().outcomes == ("succeeded", "stopped")
    assert (world.pids(), world.content()) == (workers, content)


@pytest.mark.parametrize("ref", ["moody", "stuck", "halfway", "unhealthy", "destructive"])
def test_release_that_fails_in_production_is_rolled_back(world: World, ref: str) -> None:
    before = data(world)
    with pytest.raises(DeploymentFailed, match="Rolled back"):
        world.deploy(ref)
    assert_as_before(world, before)
    assert world.state().outcomes == ("succeeded", "rolled back")


def test_destroyed_column_comes_back_with_everything_else(world: World) -> None:
    content = world.content()
    with pytest.raises(DeploymentFailed):
        world.deploy("destructive")
    assert world.content() == content


def test_same_release_can_be_deployed_again_after_a_rollback(world: World) -> None:
    before = data(world)
    world.deploy("v2")
    world.roll_back()
    world.deploy("v2")
    state = world.state()
    assert (state.release, state.workers) == (world.releases["v2"], 1)
    assert data(world, before) == before


def test_rollback_on_request_keeps_the_rows_written_since(world: World) -> None:
    before = data(world)
    deployed = world.deploy("v2")
    world.roll_back()
    state = world.state()
    assert (state.release, state.workers, state.outcomes[-1]) == (world.releases["v1"], 1, "rolled back")
    assert data(world, before) == before
    assert world.loads()[deployed.id] == 40


def test_rollback_on_request_by_restore_brings_back_what_was(world: World) -> None:
    before, content = data(world), world.content()
    world.deploy("v2")
    world.roll_back(database="restore")
    assert_as_before(world, before)
    assert world.content() == content


def test_rollback_to_an_earlier_release_takes_back_all_since(world: World) -> None:
    before = data(world)
    world.deploy("v2")
    with pytest.raises(DeploymentFailed):
        world.deploy("halfway")
    world.roll_back(to=world.releases["v1"])
    state = world.state()
    assert (state.release, state.workers) == (world.releases["v1"], 1)
    assert state.outcomes == ("succeeded", "rolled back", "rolled back")
    assert data(world, before) == before


def test_rollback_to_a_release_that_is_not_kept_is_refused_before_anything_is_taken_back(world: World) -> None:
    world.deploy("v2")
    world.deploy("v3")
    (world.root / "releases" / world.releases["v1"]).rename(world.root / "pruned")
    before = world.state(), world.content()
    with pytest.raises(ConfigError, match="is not kept any more"):
        world.roll_back(to=world.releases["v1"])
    assert (world.state(), world.content()) == before


def test_without_automatic_rollback_a_mended_deployment_goes_on(world: World) -> None:
    before = data(world)
    obstacle = world.root / "shared" / "no-source"
    obstacle.touch()
    with pytest.raises(PersonNeeded) as told:
        world.deploy("v2", auto_rollback=False)
    assert told.value.commands == ("invoke deploy.resume --env=test", "invoke rollback --env=test")
    assert world.state().release == world.releases["v2"]
    obstacle.unlink()
    world.resume()
    assert_deployed(world, before)


def test_without_automatic_rollback_a_person_can_roll_back(world: World) -> None:
    before = data(world)
    with pytest.raises(PersonNeeded):
        world.deploy("halfway", auto_rollback=False)
    assert world.state().outcomes[-1] == "open"
    world.roll_back()
    assert_as_before(world, before)


def test_resumed_deployment_that_fails_again_is_rolled_back(world: World) -> None:
    before = data(world)
    with pytest.raises(PersonNeeded):
        world.deploy("halfway", auto_rollback=False)
    with pytest.raises(DeploymentFailed, match="Rolled back"):
        world.resume()
    assert_as_before(world, before)


def test_rollback_that_cannot_be_done_names_what_is_left_and_can_be_repeated(world: World) -> None:
    before, content = data(world), world.content()
    with pytest.raises(PersonNeeded):
        world.deploy("destructive", auto_rollback=False)
    whole = damage(world)
    with pytest.raises(PersonNeeded, match="rollback is incomplete") as told:
        world.roll_back()
    assert "Still to undo, in this order: restore, stop, " in str(told.value)
    assert told.value.commands[-1] == "invoke rollback --env=test"
    assert world.state().outcomes[-1] == "open"
    for path, text in whole.items():
        path.write_bytes(text)
    world.roll_back()
    assert_as_before(world, before)
    assert world.content() == content


def damage(world: World) -> dict[Path, bytes]:
    """Every file of data in the newest backup is cut short; returns all of the backup as it was."""
    newest = max(path for path in (world.root / "backups").iterdir() if path.is_dir())
    whole = {path: path.read_bytes() for path in newest.rglob("*") if path.is_file()}
    for path, text in whole.items():
        if path.suffix != ".json":
            path.write_bytes(text[:-1])
    return whole


def test_journal_that_cannot_be_written_stops_everything_until_it_can(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is done that is not journaled, not even a rollback; with room again, a person takes it back."""
    before, append = data(world), durable.append

    def full(path: Path, line: str) -> None:
        if ('"kind":"step.done"' in line and '"step":"switch"' in line) or path in filled:
            filled.add(path)
            raise OSError(errno.ENOSPC, "No space left on device")
        append(path, line)

    filled: set[Path] = set()
    monkeypatch.setattr(durable, "append", full)
    with pytest.raises(PersonNeeded, match=r"journal cannot be written[\s\S]*invoke rollback"):
        world.deploy("v2")
    monkeypatch.undo()
    world.roll_back()
    assert_as_before(world, before)
