"""A database and a cache that only a host can reach: they are reached through its SSH connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.question import Rows, Sql
from deploy.site import Site
from tests.flow.fleet.world import FleetWorld

pytestmark = pytest.mark.live


@pytest.fixture(params=["fabric", "openssh"])
def behind(world: FleetWorld, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The world's site, with its database behind the second host."""
    world.transport = request.param
    place = world.session().environment
    databases = {name: each.model_copy(update={"via": "app[1]"}) for name, each in place.databases.items()}
    site = Site(place.model_copy(update={"databases": databases}))
    yield site
    site.reach.connections.close()


def test_questions_and_connections_lead_through_the_host(behind: Site, world: FleetWorld) -> None:
    (answer,) = behind.answer([("any", Sql("app", ("select count(*) from place",)))])
    assert isinstance(answer, Rows) and answer.sets[0][0][0] == 10
    with behind.connect("app") as connection:
        row = connection.execute("select inet_client_addr()::text, current_database()").fetchone()
    assert row and row[1] == world.name
    assert len(behind.reach.connections._ports) == 1  # opened once


def test_a_host_that_is_away_leaves_the_database_unknown(behind: Site, world: FleetWorld) -> None:
    world.fleet.cut(world.fleet.hosts[1], "RST")
    (answer,) = behind.answer([("any", Sql("app", ("select 1",)))])
    assert not isinstance(answer, Rows) and "connection refused" in answer.why.lower()
