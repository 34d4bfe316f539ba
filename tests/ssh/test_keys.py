"""Which keys are shown to a host: an agent's, or those of a file; and what is said when none of them is taken."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.channels.connections import Connections
from tests.ssh.asking import ask, said
from tests.ssh.machine import make_key, run
from tests.ssh.world import Fleet, ended, wait_until

pytestmark = pytest.mark.live

Connect = Callable[..., Connections]
Agent = Callable[..., None]


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Keys that no host takes; more than sshd's usual six tries."""
    keys = [tmp_path_factory.mktemp("keys") / f"wrong{number}" for number in range(8)]
    for key in keys:
        make_key(key)
    return keys


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """Gives keys to an agent of the test's own, which is the one in use."""
    path = tmp_path / "agent"
    process = subprocess.Popen(("ssh-agent", "-D", "-a", str(path)), stdout=subprocess.PIPE, text=True)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    monkeypatch.setenv("HOME", str(tmp_path))  # with no keys in it
    wait_until(path.exists)
    yield lambda *keys: [run("ssh-add", "-q", str(key)) for key in keys]
    ended(process)


def refusal(connections: Connections, fleet: Fleet) -> str:
    address = fleet.address(fleet.hosts[1])
    return str(connections.open([address])[address])


def test_the_right_key_of_an_agent_among_wrong_ones(
    connect: Connect, fleet: Fleet, agent: Agent, wrong: list[Path]
) -> None:
    agent(*wrong[:2], fleet.key, *wrong[2:4])
    transport = connect(identity=None).transport(fleet.address(fleet.hosts[1]))
    assert [said(one) for one in ask(transport, "hostname", "id -un")] == ["h2\n", "deploy\n"]


def test_an_agent_with_wrong_keys_only(connect: Connect, fleet: Fleet, agent: Agent, wrong: list[Path]) -> None:
    agent(*wrong[:4])
    told = refusal(connect(identity=None), fleet)
    assert "the login was refused" in told or "Permission denied (publickey)" in told
    assert "Does the user there accept" in told and "Passwords are never used" in told


def test_an_agent_with_more_keys_than_the_host_looks_at(
    connect: Connect, fleet: Fleet, agent: Agent, wrong: list[Path]
) -> None:
    """The right key comes too late; named, it is the only one that is shown."""
    agent(*wrong, fleet.key)
    before = fleet.hosts[1].log.count("Too many authentication failures")
    told = refusal(connect(identity=None, retries=2), fleet)
    assert "hung up while keys were shown to it" in told and "name the file of the right one (`identity`)" in told
    assert fleet.hosts[1].log.count("Too many authentication failures") <= before + 2  # said twice; not tried again
    assert connect(identity=str(fleet.key)).open([fleet.address(fleet.hosts[1])]) == {}


def test_a_key_with_a_passphrase_belongs_in_an_agent(
    connect: Connect, fleet: Fleet, agent: Agent, tmp_path: Path
) -> None:
    locked = tmp_path / "locked"
    locked.write_bytes(fleet.key.read_bytes())
    locked.chmod(0o600)
    run("ssh-keygen", "-q", "-p", "-N", "only the tests know", "-f", str(locked))
    told = refusal(connect(identity=str(locked)), fleet)
    assert told.endswith(
        "the key needs its passphrase\n  Give the key to ssh-agent (ssh-add), and leave `identity` out."
    )
    agent(fleet.key)
    assert connect(identity=None).open([fleet.address(fleet.hosts[1])]) == {}


def test_without_any_key(connect: Connect, fleet: Fleet, agent: Agent) -> None:
    del os.environ["SSH_AUTH_SOCK"]
    told = refusal(connect(identity=None, retries=2), fleet)
    assert "there is no key to log in with\n  Give one to ssh-agent" in told or "Permission denied" in told
