"""Two deployers, dead ones among them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from deploy import operate
from deploy.errors import LockHeld, PersonNeeded
from deploy.lock import Lock
from deploy.operate import Options
from deploy.session import closed
from tests.flow.ends import assert_as_before, assert_deployed, data
from tests.flow.world import KILLED, Silent, World, around_records, ended, fork, killed_at

pytestmark = pytest.mark.live


class Waiting(Silent):
    """A view that tells when a phase begins, and lets it begin only when it is told."""

    def __init__(self, phase: str, told: int, wait: int) -> None:
        super().__init__()
        self.held, self.told_to, self.waits = phase, told, wait

    def phase(self, name: str) -> None:
        if name == self.held:
            os.write(self.told_to, b".")
            os.read(self.waits, 1)


@contextmanager
def deploying(world: World, ref: str, phase: str) -> Iterator[tuple[int, int]]:
    """A deployer that has come as far as this phase: its pid, and where to write for it to go on."""
    told, tell = os.pipe()
    wait, go = os.pipe()
    view = Waiting(phase, tell, wait)
    pid = fork(lambda: operate.deploy(world.session(), ref, Options(by="Ada"), view), world.folder / "log")
    try:
        os.read(told, 1)
        yield pid, go
    finally:
        for descriptor in (told, tell, wait, go):
            os.close(descriptor)


def test_second_deployer_is_told_who_deploys_and_the_first_one_ends_well(world: World) -> None:
    before = data(world)
    with deploying(world, "v2", "switch") as (pid, go):
        for attempt in (partial(world.deploy, "v2"), world.roll_back, world.resume):
            with pytest.raises(LockHeld, match=rf"Held by .* \(pid {pid}\), deploying .*\. Wait for it to end"):
                attempt()
        with pytest.raises(LockHeld, match=r"alive\. Nothing was unlocked"):
            operate.unlock(world.session())
        os.write(go, b".")
        assert ended(pid) == 0
    assert_deployed(world, before)


def test_dead_deployer_is_unlocked_and_its_deployment_comes_first(world: World) -> None:
    before = data(world)
    with deploying(world, "v2", "switch") as (pid, _):
        os.kill(pid, signal.SIGKILL)
        assert ended(pid) == KILLED
    with pytest.raises(LockHeld, match=r"Left by .*, which no longer runs.*deploy\.unlock"):
        world.deploy("v2")
    assert operate.unlock(world.session()).startswith("Unlocked: it was held by")
    with pytest.raises(PersonNeeded, match="was cut off") as told:
        world.deploy("v2")
    assert told.value.commands == ("invoke deploy.resume --env=test", "invoke rollback --env=test")
    world.resume()
    assert_deployed(world, before)


def test_unlocking_what_is_not_locked_says_so(world: World) -> None:
    assert operate.unlock(world.session()) == "There is no lock."


@pytest.mark.parametrize("go_on", [operate.resume, partial(operate.roll_back, to=None, choice="auto")])
def test_dead_lock_of_the_same_deployment_is_taken_over(world: World, go_on: partial[object]) -> None:
    before, view = data(world), Silent()
    killed_at(partial(world.deploy, "v2"), 28, "after", world.folder / "log")
    go_on(session=world.session(), options=Options(by="Ada"), view=view)
    assert any(told.startswith("taken over from") for told in view.told)
    (assert_deployed if go_on is operate.resume else assert_as_before)(world, before)


def test_rollback_of_several_deployments_that_was_cut_off_comes_first_as_well(world: World) -> None:
    before = data(world)
    world.deploy("v2")
    world.deploy("v3")
    first = len(world.archive.journals()[-1].records)
    killed_at(partial(world.roll_back, world.releases["v1"]), 26, "after", world.folder / "log")
    newest, older = world.archive.journals()[-1], world.archive.journals()[-2]
    assert len(newest.records) > first and newest.records[-1]["kind"] == "closed"
    assert older.last("rollback.started") and not closed(older)
    operate.unlock(world.session())
    with pytest.raises(PersonNeeded, match=older.id):
        world.deploy("v2")
    world.roll_back()
    state = world.state()
    assert (state.release, state.workers, state.leftovers, state.flaws) == (world.releases["v1"], 1, (), ())
    assert data(world, before) == before


def test_deployer_that_lost_its_lock_neither_goes_on_nor_back(world: World) -> None:
    """It was taken for dead while it stopped the processes; another one deploys."""
    before, other = data(world), Lock(world.control, "two")

    def rob(name: str, count: int) -> None:
        if name == "step.done stop":
            (world.control / "lock").unlink()
            other.take()

    with around_records(lambda name, count: None, rob), pytest.raises(PersonNeeded) as caught:
        world.deploy("v2")
    assert re.search(
        r"was taken away: .* deploying two since .*\nNothing more was done\. When nobody", str(caught.value)
    )
    assert caught.value.commands == ("invoke deploy.resume --env=test", "invoke rollback --env=test")
    (journal,) = [each for each in world.archive.journals() if not closed(each)]
    assert (journal.records[-1]["kind"], journal.records[-1]["step"]) == ("step.done", "stop")
    other.renew()
    other.release()
    world.resume()
    assert_deployed(world, before)
