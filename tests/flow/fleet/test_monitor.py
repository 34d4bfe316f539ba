"""A monitor that runs by itself on a host: installed over SSH, started as cron would, and taken away again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.folders import PROJECT
from tests.engine.checkout import Checkout
from tests.flow.fleet.world import FleetWorld, relay
from tests.flow.monitor.world import ITEMS, ids
from tests.monitor.doubles import receiver
from tests.ssh.world import Host

pytestmark = pytest.mark.live

SPOOL = "/var/spool/cron/crontabs"
CRON = ("env", "-i", "HOME=/srv/home/root", "LOGNAME=root", "SHELL=/bin/sh", "PATH=/usr/bin:/bin", "/bin/sh", "-c")
OURS = "MAILTO=me\n0 1 * * * other\n"
ALERTS = '    alerts: {after: 1, routes: {critical: "${TINY_ALERT_URLS:-}"}}\n'
THERE = ("--on=app", "--project=/srv/toolkit")


@pytest.fixture
def host(world: FleetWorld) -> Iterator[Host]:
    """The first host, with a crontab of its own, and with the toolkit in /srv/toolkit."""
    host = world.fleet.hosts[0]
    described = world.systems / "tiny/system.yaml"
    described.write_text(described.read_text().replace("    batch: [", f"{ALERTS}    batch: [", 1))
    listed = world.systems / "tiny/checklist.md"
    listed.write_text(listed.read_text() + ITEMS)
    toolkit = Checkout.make(host.srv / "toolkit").folder
    (toolkit / ".venv").mkdir()
    (toolkit / ".venv/bin").symlink_to(Path(sys.prefix) / "bin")
    lock = (PROJECT / "scripts/requirements.lock").read_bytes()
    made = subprocess.run(["cksum"], input=lock, capture_output=True, check=True).stdout.decode().strip()
    (toolkit / ".venv/stamp").write_text(f"{made} /srv/toolkit\n")
    (host.folder / "crontabs").mkdir(exist_ok=True)
    host.run("mount", "--bind", str(host.folder / "crontabs"), SPOOL)
    host.run("sh", "-c", f"printf '{OURS}' | crontab -")
    yield host
    host.run("umount", SPOOL)


def told(world: FleetWorld, host: Host, urls: str) -> None:
    """The settings of the host's toolkit, in its own `.env`."""
    path = host.srv / "toolkit/.env"
    path.write_text("".join(f"{key}='{value}'\n" for key, value in world.environ.items()) + f"TINY_ALERT_URLS={urls}\n")
    path.chmod(0o600)


def test_a_monitor_on_a_host_is_installed_runs_and_goes(world: FleetWorld, host: Host) -> None:
    network = f"10.77.{world.fleet.number}.254"
    with receiver() as (port, posted), relay(network, "127.0.0.1", port) as seen:
        routes = {"TINY_ALERT_URLS": f"json://{network}:{seen}/"}
        install = ("monitor.install", *THERE, "--way=cron", "--every=5m")
        told(world, host, "")
        elsewhere = ("monitor.install", "--on=app", "--project=/srv/none")
        for words, why in ((install, "nobody is told"), (elsewhere, "/srv/none")):
            lost = world.invoke(*words, **routes)
            assert lost.returncode == 2 and why in lost.stderr and "cannot do it" in lost.stderr, lost.stderr
        assert host.run("crontab", "-l") == OURS
        told(world, host, routes["TINY_ALERT_URLS"])
        done = [world.invoke(*install, **routes) for _ in range(2)]
        assert [each.returncode for each in done] == [0, 0], done[0].stderr
        assert done[0].stdout.startswith("crontab: */5 * * * * cd /srv/toolkit && ") and done[1].stdout == "unchanged\n"
        before = world.invoke("monitor.status", *THERE, **routes)
        assert (before.returncode, "never" in before.stdout, "late" in before.stderr) == (6, True, True)
        (line,) = [each for each in host.run("crontab", "-l").splitlines() if each not in OURS]
        with world.server.superuser(world.name) as connection:
            connection.execute("delete from record")
        said = subprocess.run(
            ["nsenter", "-a", "-t", str(host.init), *CRON, line.split(None, 5)[5]], capture_output=True, text=True
        )
        assert (said.returncode, said.stdout, said.stderr) == (6, "", "")
    key = f"records@{world.address(host)}"
    assert [one for got in posted for one in ids(got["message"])] == [f"{key}#1"]
    after = json.loads(world.invoke("monitor.status", *THERE, "--format=json").stdout)
    assert (after["late"], after["every"], [each["item"] for each in after["open"]]) == (False, "5m", [key])
    gone = [world.invoke("monitor.uninstall", *THERE, "--way=cron") for _ in range(2)]
    assert [each.stdout for each in gone] == ["crontab: our line is gone\n", "unchanged\n"]
    assert host.run("crontab", "-l") == OURS
