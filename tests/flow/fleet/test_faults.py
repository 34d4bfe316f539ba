"""A deployment to three hosts of which one is lost, full, or not what it was: nothing stays half switched unsaid."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from deploy import operate, standing
from deploy.channels.fenced import FENCED
from deploy.command import Script
from deploy.errors import CommandFailed, DeploymentFailed, GateClosed, LockHeld, PersonNeeded, StepFailed
from deploy.operate import Options
from deploy.result import Status
from deploy.steps.release import MARK
from tests.flow.ends import data
from tests.flow.fleet.world import FleetWorld
from tests.flow.world import Silent, around_records
from tests.points import todays
from tests.ssh.world import Host

pytestmark = pytest.mark.live


def once(world: FleetWorld, record: str, host: Host, act: Callable[[], None]) -> Callable[[str, int], None]:
    """Do something when a host's step is about to begin: its intent was written, and it waits for what we do.

    Another host's thread may be the first to see that.
    """
    done: list[str] = []
    acting = threading.Lock()

    def after(name: str, count: int) -> None:
        with acting:
            kind, _, step = record.partition(" ")
            journal = world.archive_here().journals()[-1]
            if name == record and not done and journal.last(kind, step=step, host=world.address(host)):
                done.append(name)
                act()

    return after


def nothing(name: str, count: int) -> None:
    pass


LOSSES = [(step, how) for step in ("release", "stop", "switch", "start") for how in ("DROP", "RST")]


@pytest.mark.parametrize(("step", "how"), todays(LOSSES, 4))
def test_host_lost_in_the_middle_of_a_step(world: FleetWorld, step: str, how: str) -> None:
    v1, lost = [world.releases["v1"]] * 3, world.fleet.hosts[1]
    before = data(world)
    act = partial(world.fleet.cut, lost, how)
    with around_records(nothing, once(world, f"step.intended {step}", lost, act)):
        if step == "release":
            with pytest.raises(StepFailed, match=r"prepare the release failed on 1 of 3 hosts") as caught:
                world.deploy("v2")
        else:
            with pytest.raises(PersonNeeded, match=rf"Still to undo.*{step} on {world.address(lost)}") as caught:
                world.deploy("v2")
    assert world.address(lost) in str(caught.value)
    world.fleet.heal(lost)
    if step != "release":
        world.roll_back()
    assert world.current() == v1 and world.workers() == [1] * 3
    assert data(world, before) == before
    world.deploy("v2")
    assert world.current() == [world.releases["v2"]] * 3 and world.workers() == [1] * 3


@pytest.mark.parametrize("step", ["backup", "rehearse", "migrate", "load"])
def test_control_host_lost_in_the_middle_of_one_time_work(world: FleetWorld, step: str) -> None:
    control, before = world.fleet.hosts[0], data(world)

    def after(name: str, count: int) -> None:
        if name == f"step.intended {step}":
            world.fleet.cut(control, "RST")

    with around_records(nothing, after), pytest.raises(PersonNeeded, match="journal cannot be written"):
        world.deploy("v2")
    world.fleet.heal(control)
    with pytest.raises(LockHeld):  # whoever deployed could not give the lock back; it is still alive
        operate.deploy(world.session(), "v2", Options(by="other"), Silent())
    world.forget_lock()
    world.roll_back()
    assert world.current() == [world.releases["v1"]] * 3 and world.workers() == [1] * 3
    assert data(world, before) == before


def test_host_that_cannot_be_reached_closes_the_gate_and_is_never_skipped(world: FleetWorld) -> None:
    away = world.fleet.hosts[2]
    world.fleet.cut(away, "RST")
    with pytest.raises(GateClosed, match="prereqs is closed by tools"):
        world.deploy("v2")
    results = operate.check(world.session(), "prereqs", Options(by="t"))[0]
    tools = {result.host: result.status for result in results if result.item == "tools"}
    assert tools[world.address(away)] is Status.UNKNOWN
    assert [status for host, status in tools.items() if host != world.address(away)] == [Status.PASS] * 2
    assert standing.releases(world.session())[world.address(away)].startswith("unknown: ")


def test_host_with_another_key_is_refused_by_name(world: FleetWorld) -> None:
    other = world.fleet.hosts[1]
    old = (other.folder / "host_key").read_text(), (other.folder / "host_key.pub").read_text()
    other.new_key()
    other.sshd()
    try:
        results, is_open, _ = operate.check(world.session(), "prereqs", Options(by="t"))
        assert not is_open
        (found,) = [r for r in results if r.item == "tools" and r.host == world.address(other)]
        assert found.status is Status.UNKNOWN and "HOST KEY HAS CHANGED" in found.found
    finally:
        for name, text in zip(("host_key", "host_key.pub"), old, strict=True):
            (other.folder / name).write_text(text)
        other.sshd()


def test_full_disk_of_one_host_stops_before_production_is_touched(world: FleetWorld) -> None:
    full = world.fleet.hosts[1]
    full.run("mount", "-t", "tmpfs", "-o", "size=12k", "none", "/srv/app/releases")
    try:
        with pytest.raises(StepFailed, match="No space left"):
            world.deploy("v2")
    finally:
        full.run("umount", "-l", "/srv/app/releases")
    assert world.current() == [world.releases["v1"]] * 3 and world.workers() == [1] * 3


def test_odd_one_out_stands_out(world: FleetWorld) -> None:
    """One host has another Python, and a clock that is wrong."""
    odd = world.fleet.hosts[2]
    checklist = world.systems / "tiny" / "checklist.md"
    checklist.write_text(checklist.read_text().replace("## backup\n", f"{MORE}\n## backup\n", 1))
    fake = world.folder / "python3"
    fake.write_text("#!/bin/sh\necho 3.8.1\n")
    fake.chmod(0o755)
    world.fleet.clock(odd, 30)
    odd.run("sh", "-c", f"mount --bind {fake} $(readlink -f /usr/bin/python3)")
    try:
        results = operate.check(world.session(), "prereqs", Options(by="t"))[0]
    finally:
        world.fleet.clock(odd, 0)
        odd.run("sh", "-c", "umount $(readlink -f /usr/bin/python3)")
    for item in ("python", "clock"):
        found = {result.host: result.status for result in results if result.item == item}
        assert found == {
            world.address(host): Status.FAIL if host is odd else Status.PASS for host in world.fleet.hosts
        }, item


MORE = """
- [ ] All hosts have one Python
  ```yaml
  id: python
  probe: python.version
  python: /usr/bin/python3
  at_least: "3.9"
  action: Install it.
  ```
- [ ] The clocks agree
  ```yaml
  id: clock
  probe: machine.clock
  action: Set it.
  ```
"""


def test_host_that_fails_is_left_behind_where_that_is_allowed_and_brought_in_line(world: FleetWorld) -> None:
    v1, v2, weak = world.releases["v1"], world.releases["v2"], world.fleet.hosts[2]
    session = world.session(max_fail=1)
    weak.run(
        "sh", "-ec", "mount --bind /srv/app/releases /srv/app/releases; mount -o remount,bind,ro /srv/app/releases"
    )
    try:
        journal = operate.deploy(session, "v2", Options(by="t"), Silent())
    finally:
        weak.run("umount", "-l", "/srv/app/releases")
    left = journal.last("host.left")
    assert left and left["host"] == world.address(weak) and left["undone"]
    assert world.current() == [v2, v2, v1]
    assert "MIXED" in standing.show(world.session(), "text")
    world.deploy("v2")
    assert world.current() == [v2] * 3 and "MIXED" not in standing.show(world.session(), "text")


def test_limit_deploys_to_some_and_the_rest_is_told(world: FleetWorld) -> None:
    from deploy.inventory import narrowed
    from deploy.session import Session
    from deploy.site import Site

    session = world.session()
    some = narrowed(session.environment, world.address(world.fleet.hosts[1]), None)
    operate.deploy(Session(session.system, some, Site(some)), "v2", Options(by="t"), Silent())
    assert world.current() == [world.releases[tag] for tag in ("v1", "v2", "v1")]
    assert "MIXED" in standing.show(world.session(), "text")


def test_deployer_that_lost_its_lock_changes_nothing_any_more(world: FleetWorld, tmp_path: Path) -> None:
    old, new = world.session(), world.session()
    with old.holding(old.lock("old")):
        old.site.at(world.address(world.fleet.hosts[1])).execute(Script("true"))
        world.forget_lock()
        with new.holding(new.lock("new")):
            for host in world.fleet.hosts:
                new.site.at(world.address(host)).execute(Script("true"))
            for host in world.fleet.hosts:
                with pytest.raises(CommandFailed) as caught:
                    old.site.at(world.address(host)).execute(Script("touch /srv/app/changed"))
                assert caught.value.exited == FENCED
    assert not any((world.root_of(host) / "changed").exists() for host in world.fleet.hosts)


def test_second_operator_elsewhere_is_told_who_deploys(world: FleetWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = world.session()
    with mine.holding(mine.lock("mine")):
        monkeypatch.setattr("deploy.lock.socket.gethostname", lambda: "elsewhere")
        monkeypatch.setenv("DEPLOY_STATE", str(world.folder / "elsewhere"))
        with pytest.raises(LockHeld, match="deploying mine since"):
            world.deploy("v2")


def test_failure_in_the_second_batch_takes_back_the_first(world: FleetWorld) -> None:
    """The new release of the last host is damaged just before it is switched to."""
    v1, v2, weak, view = world.releases["v1"], world.releases["v2"], world.fleet.hosts[2], Silent()
    before, seen = data(world), []

    def damage() -> None:
        seen.append(world.current()[0])
        (world.root_of(weak) / "releases" / v2 / MARK).unlink()

    with (
        around_records(nothing, once(world, "step.intended switch", weak, damage)),
        pytest.raises(DeploymentFailed) as caught,
    ):
        operate.deploy(world.session(), "v2", Options(by="t"), view)
    first, second, third = (world.address(host) for host in world.fleet.hosts)
    told = f"switch to the release failed on 1 of 2 hosts:\n{third}: current -> {v2}: exited 1"
    assert str(caught.value).startswith(told) and str(caught.value).endswith(
        "Rolled back: production is as it was before."
    )
    assert seen == [v2]  # the first host ran it by then
    assert f"switch: batch 1 of 2: {first}" in view.told and f"{told}\nGoing back." in view.told
    journal = world.archive_here().journals()[-1]
    assert {record["host"] for record in journal.all("undo.done", step="switch")} == {first, second, third}
    assert [record["host"] for record in journal.all("undo.done", step="start")] == [first]
    assert world.current() == [v1] * 3 and world.workers() == [1] * 3
    assert data(world, before) == before and not (world.control / "lock").exists()


def test_host_of_the_second_batch_that_cannot_go_back_is_named_and_the_others_go(world: FleetWorld) -> None:
    """Both releases of the last host are damaged just before it is switched: there is nothing to switch back to."""
    v1, weak = world.releases["v1"], world.fleet.hosts[2]
    before, marks = data(world), world.root_of(weak) / "releases"
    kept = {path: path.read_text() for path in marks.glob(f"*/{MARK}")}

    def damage() -> None:
        for path in marks.glob(f"*/{MARK}"):
            path.unlink()

    with (
        around_records(nothing, once(world, "step.intended switch", weak, damage)),
        pytest.raises(PersonNeeded) as caught,
    ):
        world.deploy("v2")
    told = str(caught.value)
    assert "The rollback is incomplete: switch to the release could not be undone." in told
    assert (
        f"undo: switch to the release failed on 1 of 3 hosts:\n{world.address(weak)}: current -> {v1}: exited 1" in told
    )
    assert f"Still to undo, in this order: switch on {world.address(weak)}, start on" in told
    assert told.endswith("\n  invoke rollback --env=fleet")
    assert world.current() == [v1] * 3
    for path, text in kept.items():
        path.write_text(text)
    world.roll_back()
    assert world.current() == [v1] * 3 and world.workers() == [1] * 3
    assert data(world, before) == before


def test_control_host_that_is_away_is_told_by_every_command(world: FleetWorld) -> None:
    world.fleet.cut(world.fleet.hosts[0], "RST")
    for words in (
        ("deploy.status",),
        ("deploy.history",),
        ("deploy.fleet", "--yes"),
        ("rollback",),
        ("deploy.unlock",),
    ):
        done = world.invoke(*words)
        assert done.returncode == 2, (words, done.stdout + done.stderr)
        assert "connection refused" in done.stderr and "Traceback" not in done.stderr, (words, done.stderr)
