"""A Docker Engine, a database and a project of Compose behind a host that is reached over SSH."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.command import Run
from deploy.endpoints import Docker, Ssh
from deploy.question import Data
from deploy.question import Docker as Question
from deploy.site import Site
from deploy.system import Environment
from tests.ssh.world import Fleet

from .world import World

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(1) as made:
        yield made


@pytest.mark.parametrize("transport", ["fabric", "openssh"])
def test_an_engine_behind_a_host_answers_through_its_connection(world: World, fleet: Fleet, transport: str) -> None:
    """The host shares this machine's files, its Engine's socket among them; its network is its own."""
    host = fleet.address(fleet.hosts[0], "root")
    world.release("v1")
    world.deploy(world.deployment("v1"))
    far = Environment(
        name="far",
        root="/srv/app",
        repository="r",
        hosts={"app": (host,)},
        ssh=Ssh(**fleet.settings(transport=transport)),
        docker=Docker(project=world.project, via="app[0]"),
    )
    site = Site(far)
    answers = site.answer([(host, Question("engine")), (host, Question("services"))])
    assert all(isinstance(answer, Data) for answer in answers), answers
    seen = Site(world.deployment("v1").environment).answer([("localhost", Question("services"))])
    assert [answer.value for answer in answers if isinstance(answer, Data)][1] == seen[0].value  # type: ignore[union-attr]
    assert world.project in site.execute(Run(("docker", "ps", "--format", "{{.Names}}"))).out
    site.reach.connections.close()
