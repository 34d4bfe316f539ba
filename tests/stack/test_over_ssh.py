"""A Docker Engine, a database and a project of Compose behind a host that is reached over SSH."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from deploy.deployment import Deployment
from deploy.endpoints import Ssh
from deploy.question import Data, Docker
from deploy.site import Site
from tests.ssh.world import Fleet

from .world import World

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(1) as made:
        yield made


def moved(made: Deployment, fleet: Fleet, transport: str) -> Deployment:
    """The same deployment to a host: it shares this machine's files, its Engine's socket among them; no network."""
    changes = {
        "hosts": {"app": (fleet.address(fleet.hosts[0], "root"),)},
        "ssh": Ssh(**fleet.settings(transport=transport)),
        "docker": made.environment.docker.model_copy(update={"via": "app[0]"}) if made.environment.docker else None,
    }
    environment = made.environment.model_copy(update=changes)
    return replace(made, environment=environment, site=Site(environment))


@pytest.mark.parametrize("transport", ["fabric", "openssh"])
def test_a_project_behind_a_host_is_seen_and_deployed_through_its_connection(
    world: World, fleet: Fleet, transport: str
) -> None:
    world.release("a")
    world.release("b")
    world.deploy(world.deployment("a"))
    far = moved(world.deployment("b", "a"), fleet, transport)
    seen = far.site.answer([("any", Docker("services"))])
    assert [answer.value for answer in seen if isinstance(answer, Data)] == [list(world.rows().values())]
    before = world.ids()
    world.deploy(far)
    after = world.ids()
    assert world.page() == "b"
    assert [name for name in after if after[name] != before[name]] == ["web"]
    world.undo(far)
    assert world.page() == "a"
    far.site.reach.connections.close()
