"""`invoke hosts` and `invoke hosts.trust`, as people call them, and the clocks of hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from deploy.channels.connections import Connections
from deploy.probes.machine import Clock
from deploy.question import Output
from deploy.result import Status
from deploy.scope import Scope
from tests.ssh.asking import ask
from tests.ssh.world import Fleet, Host

pytestmark = pytest.mark.live

PROJECT = Path(__file__).parent.parent.parent
Invoke = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def known_hosts(fleet: Fleet, tmp_path: Path) -> Path:
    """Knows the first two hosts, not the third."""
    path = tmp_path / "known_hosts"
    path.write_text("".join(fleet.known_hosts.read_text().splitlines(keepends=True)[:2]))
    return path


@pytest.fixture
def invoke(request: pytest.FixtureRequest, fleet: Fleet, known_hosts: Path, tmp_path: Path) -> Invoke:
    """Runs a task for a system with the fleet's hosts."""
    one, two, three = (fleet.address(host) for host in fleet.hosts)
    environment = {
        "root": "/srv/app",
        "repository": "/srv/app.git",
        "hosts": {"app": [one, two], "workers": [two, three]},
        "ssh": fleet.settings(transport=getattr(request, "param", "fabric"), known_hosts=str(known_hosts), retries=0),
    }
    system = tmp_path / "systems" / "fleet" / "system.yaml"
    system.parent.mkdir(parents=True)
    system.write_text(yaml.safe_dump({"title": "t", "flow": ["prereqs"], "environments": {"far": environment}}))
    ours = {key: value for key, value in os.environ.items() if not key.startswith("DEPLOY_")}
    environ = {**ours, "DEPLOY_SYSTEMS": str(system.parent.parent), "DEPLOY_SYSTEM": "fleet", "DEPLOY_ENV": "far"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "invoke", *words]
        return subprocess.run(
            argv, cwd=PROJECT, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100
        )

    return run


@pytest.mark.parametrize("invoke", ["fabric", "openssh"], indirect=True)
def test_hosts_are_listed_and_one_that_is_not_reached_ends_with_6(
    invoke: Invoke, fleet: Fleet, known_hosts: Path
) -> None:
    fleet.clock(fleet.hosts[1], -50)
    done = invoke("hosts", "--format=json")
    fleet.clock(fleet.hosts[1], 0)
    rows = json.loads(done.stdout)
    assert [(row["host"], row["roles"], row["reachable"]) for row in rows] == [
        (fleet.address(fleet.hosts[0]), ["app"], True),
        (fleet.address(fleet.hosts[1]), ["app", "workers"], True),
        (fleet.address(fleet.hosts[2]), ["workers"], False),
    ]
    assert rows[0]["os"] and rows[0]["python"].startswith("3.") and rows[0]["round_trip_ms"] > 0
    assert abs(rows[0]["skew"]) < 5 and -55 < rows[1]["skew"] < -45
    assert fleet.hosts[2].fingerprint in rows[2]["why"] and "hosts.trust" in rows[2]["fix"]
    assert done.returncode == 6 and "1 of 3 hosts cannot be reached" in done.stderr


def test_a_key_is_trusted_by_its_fingerprint_only(invoke: Invoke, fleet: Fleet, known_hosts: Path) -> None:
    before, host = known_hosts.read_text(), fleet.hosts[2]
    refused = invoke("hosts.trust")
    assert refused.returncode == 2 and "give --accept" in refused.stderr
    assert host.fingerprint in refused.stdout and f"{fleet.hosts[0].fingerprint}  (known)" in refused.stdout
    wrong = invoke("hosts.trust", f"--hosts={fleet.address(host)}", "--accept=SHA256:another")
    assert wrong.returncode == 2 and "shows no key that you accept" in wrong.stderr
    assert known_hosts.read_text() == before
    added = invoke("hosts.trust", f"--hosts={fleet.address(host)}", f"--accept={host.fingerprint}")
    assert added.returncode == 0, added.stderr
    key = " ".join((host.folder / "host_key.pub").read_text().split()[:2])
    assert known_hosts.read_text() == f"{before}{host.address} {key}\n"
    assert known_hosts.stat().st_mode & 0o777 == 0o600
    listed = invoke("hosts")
    assert listed.returncode == 0 and "UNREACHABLE" not in listed.stdout


def test_a_changed_key_is_not_trusted_over_the_old_one(invoke: Invoke, fleet: Fleet, known_hosts: Path) -> None:
    host = fleet.hosts[2]
    other = (fleet.hosts[0].folder / "host_key.pub").read_text()
    known_hosts.write_text(f"{host.address} {other}")
    refused = invoke("hosts.trust", f"--hosts={fleet.address(host)}", f"--accept={host.fingerprint}")
    assert refused.returncode == 2 and "ITS HOST KEY HAS CHANGED" in refused.stderr
    assert known_hosts.read_text() == f"{host.address} {other}"


@pytest.mark.parametrize(("ahead", "status"), [(0, Status.PASS), (100, Status.FAIL), (-100, Status.FAIL)])
def test_a_clock_is_compared_with_ours(
    connections: Connections, fleet: Fleet, first: Host, ahead: int, status: Status
) -> None:
    """However long the questions before it take."""
    probe = Clock(at_most=5)
    fleet.clock(first, ahead)
    _, answer = ask(connections.transport(fleet.address(first)), "sleep 1", probe.ask(Scope({})))
    fleet.clock(first, 0)
    assert isinstance(answer, Output) and answer.within < 2.5
    assert probe.judge(answer).status is status
