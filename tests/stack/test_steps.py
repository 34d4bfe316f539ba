"""Stores and services of a real Compose project: brought up, left alone, replaced, brought back."""

from __future__ import annotations

import subprocess

import pytest

from deploy.command import paste
from deploy.errors import StepFailed
from deploy.steps.stack import ServicesStep, StoresStep

from .hostbind import IMAGE, docker
from .world import World

pytestmark = pytest.mark.live


@pytest.mark.parametrize("world", ["v1", "database"], indirect=True)
def test_a_release_is_brought_up_once_replaced_and_brought_back(world: World) -> None:
    world.release("a")
    world.release("b")
    first = world.deployment("a")
    assert world.deploy(first) == {"stores": False, "services": False}
    assert world.page() == "a"
    assert first.facts["services"]["ready"] == {"web": "healthy"}
    before = world.ids()

    assert world.deploy(world.deployment("a")) == {"stores": True, "services": True}
    assert world.ids() == before

    second = world.deployment("b", "a")
    world.deploy(second)
    after = world.ids()
    assert world.page() == "b"
    assert [name for name in after if after[name] != before[name]] == ["web"]

    world.undo(second)
    assert world.page() == "a"
    assert {**world.ids(), "web": ""} == {**before, "web": ""}
    assert any(line.startswith("web: healthy") for line in world.said.lines)


def test_a_changed_setting_makes_the_service_that_uses_it_anew(world: World) -> None:
    world.release("a")
    world.deploy(world.deployment("a"))
    world.settings("GREETING=changed")
    assert world.deploy(world.deployment("a")) == {"stores": True, "services": False}
    assert docker("exec", world.ids()["web"], "sh", "-c", "echo $GREETING") == "changed"


def test_services_that_never_become_healthy_are_told_with_their_log_lines_and_taken_back(world: World) -> None:
    world.release("a")
    sick = '["sh", "-c", "echo no table listing; exec sleep 600"]'
    world.release("b", command=sick, health='test: ["CMD", "sh", "-c", "echo cannot connect; exit 1"]', patience="0s")
    world.deploy(world.deployment("a"))
    broken = world.deployment("b", "a")
    with pytest.raises(StepFailed, match=r"web: unhealthy: cannot connect[\s\S]*web: no table listing"):
        world.deploy(broken)
    world.undo(broken)
    assert world.page() == "a"


def test_services_that_end_at_once_are_not_waited_for_and_a_first_deployment_stops_what_it_started(
    world: World,
) -> None:
    world.release("a", command='["sh", "-c", "echo bad option; exit 7"]', restart="no")
    made = world.deployment("a")
    with pytest.raises(StepFailed, match=r"web: exited with code 7[\s\S]*bad option"):
        world.deploy(made)
    world.undo(made)
    assert {row["state"] for row in world.rows().values()} == {"exited"}


def test_files_that_compose_cannot_read_change_nothing_and_there_is_nothing_to_take_back(world: World) -> None:
    world.release("a", more="  extra: {imgae: x}")
    made = world.deployment("a")
    with pytest.raises(StepFailed, match="imgae"):
        world.deploy(made)
    world.undo(made)
    assert (world.rows(), (world.root / "stack").is_symlink()) == ({}, False)


def test_a_store_that_changed_is_made_anew_and_keeps_its_data(world: World) -> None:
    world.release("a")
    world.release("b", often="2s")
    first = world.deployment("a")
    store = StoresStep(first)
    first.facts["stores"] = {**store.before(), **store.do(world.said)}
    before = world.ids()
    docker("exec", before["queue"], "sh", "-c", "echo kept >/data/file")
    second = world.deployment("b", "a")
    changed = StoresStep(second)
    assert not changed.done()
    second.facts["stores"] = changed.before()
    changed.do(world.said)
    after = world.ids()
    assert (after["redis"], after["queue"] == before["queue"]) == (before["redis"], False)
    assert docker("exec", after["queue"], "cat", "/data/file") == "kept"
    changed.undo(second.facts["stores"], world.said)
    assert store.done()


def test_a_service_that_the_release_before_had_not_is_removed_again(world: World) -> None:
    world.release("a")
    extra = (
        "  extra:\n    image: {0}\n    command: [sleep, '600']\n    stop_signal: SIGKILL\n    volumes: ['/usr:/usr:ro']"
    )
    world.release("b", more=extra.format(IMAGE))
    made = world.deployment("a")
    made.facts["services"] = {"ran": ["web"]}
    StoresStep(made).do(world.said)
    ServicesStep(made).do(world.said)
    second = world.deployment("b", "a", services=["web", "extra"])
    step = ServicesStep(second)
    step.do(world.said)
    assert "extra" in world.ids()
    step.undo({"ran": ["web"]}, world.said)
    assert "extra" not in world.ids()
    assert world.page() == "a"


def test_the_plan_can_be_pasted(world: World) -> None:
    world.release("a")
    made = world.deployment("a")
    text = paste([*StoresStep(made).plan(), *ServicesStep(made).plan()])
    subprocess.run(["sh"], input=text, text=True, check=True, capture_output=True, timeout=60)
    assert {row["health"] for row in world.rows().values()} == {"healthy"}
    assert ServicesStep(made).done()
