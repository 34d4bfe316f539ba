"""Three hosts for all tests of a worker, and connections of both kinds to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from deploy.channels.connections import Connections
from deploy.endpoints import Ssh
from tests.ssh.world import Fleet, Host

KINDS = ("fabric", "openssh")
Configure = Callable[..., Host]


@pytest.fixture(scope="session")
def fleet() -> Iterator[Fleet]:
    with Fleet(3) as made:
        yield made


@pytest.fixture
def first(fleet: Fleet) -> Iterator[Host]:
    """A host whose network may be cut."""
    yield fleet.hosts[0]
    fleet.heal(fleet.hosts[0])


@pytest.fixture
def odd(fleet: Fleet) -> Iterator[Configure]:
    """A host whose sshd is started anew with other settings."""
    host = fleet.hosts[2]

    def configure(*lines: str) -> Host:
        host.sshd(*lines)
        return host

    yield configure
    host.sshd()


@pytest.fixture(scope="module", params=KINDS)
def connections(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[Connections]:
    """Connections that all tests of a module share, as a deployment would."""
    made = Connections(Ssh(**fleet.settings(transport=request.param)))
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def connect(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[Callable[..., Connections]]:
    """Makes connections of one kind with settings of a test's own."""
    made: list[Connections] = []

    def make(**changed: object) -> Connections:
        settings = {"transport": request.param, "connect_timeout": 5.0, "retries": 0, **changed}
        made.append(Connections(Ssh(**fleet.settings(**settings))))
        return made[-1]

    yield make
    for one in made:
        one.close()
