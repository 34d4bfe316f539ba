"""The engine's staging on three hosts over SSH: set up as its owner would, deployed, migrated, taken back."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from deploy.backups.content import differences
from deploy.checklists import checklist
from deploy.sandbox.extraction_engine.shared import sources_yaml
from tests.engine.checkout import Checkout
from tests.flow.fleet.world import relay
from tests.ssh.world import Fleet, run

pytestmark = pytest.mark.live

ROOT = "/srv/engine"
SIGNED = "signed.yaml"


@dataclass
class Staging(Checkout):
    """A checkout whose `.env` names the hosts, and whose home knows none of their keys yet."""

    fleet: Fleet = field(kw_only=True)

    @property
    def environ(self) -> dict[str, str]:
        return {**super().environ, "HOME": str(self.folder / "home"), "DEPLOY_ENV": "staging"}

    @property
    def hosts(self) -> str:
        return ",".join(self.fleet.address(host, "root") for host in self.fleet.hosts)

    def settle(self, port: int, sources: int) -> None:
        """Write `.env`: the sandbox's database, sources and language model, as the hosts reach them."""
        near, given = f"10.77.{self.fleet.number}.254", self.variables
        base = f"http://{near}:{sources}"
        values = {
            "HOSTS": self.hosts,
            "ROOT": ROOT,
            "SSH_KEY": str(self.fleet.key),
            "REPOSITORY": given["SANDBOX_REPOSITORY"],
            "PYTHON": given["SANDBOX_PYTHON"],
            "POSTGRES_BIN": given["SANDBOX_POSTGRES_BIN"],
            "DATABASE_URL": moved(given["SANDBOX_DATABASE_URL"], near, port),
            "DATABASE_ADMIN_URL": moved(given["SANDBOX_DATABASE_ADMIN_URL"], near, port),
            "DATABASE_VOLUME": "/srv",
            "USD_TO_GBP": "0.8",
            "ANTHROPIC_API_KEY": given["SANDBOX_ANTHROPIC_API_KEY"],
            "ANTHROPIC_BASE_URL": f"{base}/anthropic",
            "SERPER_API_KEY": "practice-serper-0000",
            "GOOGLE_PLACES_API_KEY": "practice-places-0000",
            "OPERATOR": "Ada Lovelace",
        }
        lines = [f"STAGING_{name}={shlex.quote(value)}\n" for name, value in values.items()]
        (self.folder / ".env").write_text("DEPLOY_SYSTEM=extraction_engine\n" + "".join(lines))
        for host in self.fleet.hosts:
            path = host.srv / "engine/shared/engine/config/sources.yaml"
            path.parent.mkdir(parents=True)
            path.write_text(sources_yaml(base, {}))
            path.chmod(0o640)

    def accept(self) -> None:
        """What only people can say: that this Python will do, and what they sign."""
        waiver = {"item": "python-version", "owner": "Ada Lovelace", "reason": "3.12 comes", "expires": "2199-12-31"}
        (self.system / "waivers.yaml").write_text(yaml.safe_dump([waiver]))
        items = checklist.load(self.system / "checklist.md").items
        signed = [
            {"item": item.id, "by": "Grace Hopper", "note": "seen"} for item in items if item.signoff or not item.probe
        ]
        (self.folder / SIGNED).write_text(yaml.safe_dump(signed))

    def bring_environment(self) -> None:
        """The hosts cannot reach a package index: the virtual environment of the releases is brought to them before."""
        python, wanted = self.variables["SANDBOX_PYTHON"], self.folder / "requirements.txt"
        repository = self.variables["SANDBOX_REPOSITORY"]
        wanted.write_text(run("git", "-C", repository, "show", "v1:engine/requirements.txt"))
        venv = self.folder / "venv"
        run(python, "-m", "venv", str(venv))
        run(str(venv / "bin/python"), "-m", "pip", "install", "-q", "-r", str(wanted))
        for host in self.fleet.hosts:
            host.run("sh", "-ec", BRING, "sh", python, str(wanted), str(venv), f"{ROOT}/venvs")

    def currents(self) -> list[str | None]:
        """The release that each host runs."""
        links = [host.srv / "engine/current" for host in self.fleet.hosts]
        return [link.readlink().name if link.is_symlink() else None for link in links]

    def deploy(self, ref: str, code: int = 0) -> str:
        return self.invoke(
            "deploy.staging", f"--ref={ref}", "--yes", "--off-hours", f"--signoffs={self.folder / SIGNED}", code=code
        )


BRING = """
key=$({ "$1" -c 'import sys; print(sys.version)'; cat "$2"; } | sha256sum | cut -c1-16)
mkdir -p "$4"
"$1" -m venv --without-pip "$4/$key"
cp -r "$3"/lib/python3.*/site-packages/. "$4/$key"/lib/python3.*/site-packages/
touch "$4/$key/.complete"
"""


def moved(url: str, host: str, port: int) -> str:
    """The same database at another address."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@{host}:{port}").geturl()


@pytest.fixture
def staging() -> Iterator[Staging]:
    with ExitStack() as stack:
        fleet = stack.enter_context(Fleet(3))
        folder = Path(tempfile.mkdtemp(prefix="engine-"))
        stack.callback(shutil.rmtree, folder)
        checkout = Staging.make(folder, fleet=fleet)
        stack.callback(checkout.invoke, "sandbox.reset", "--force")
        checkout.invoke("sandbox.start")
        near = f"10.77.{fleet.number}.254"
        ports = [
            stack.enter_context(relay(near, "127.0.0.1", urlsplit(checkout.variables[name]).port or 0))
            for name in ("SANDBOX_DATABASE_URL", "SANDBOX_SOURCES_URL")
        ]
        checkout.settle(*ports)
        yield checkout


def test_staging_is_deployed_to_three_hosts_and_taken_back(staging: Staging) -> None:
    keys = [host.fingerprint for host in staging.fleet.hosts]
    refused = staging.invoke("hosts", code=6)
    assert all(key in refused for key in keys)
    staging.invoke("hosts.trust", f"--accept={','.join(keys)}")
    assert "Python is new enough" in staging.invoke("prereqs", code=6)
    staging.accept()
    staging.bring_environment()

    staging.deploy("v1")
    assert staging.currents() == [staging.id_of("v1")] * 3
    before, loads = staging.content(), staging.loaded()
    assert list(loads.values()) == [max(loads.values())]  # loaded once, not by each host
    staging.deploy("v2")
    assert staging.currents() == [staging.id_of("v2")] * 3
    assert len(staging.loaded()) == 2
    assert "on   3" in staging.invoke("deploy.status")
    staging.invoke("rollback", "--database=restore")
    assert staging.currents() == [staging.id_of("v1")] * 3
    assert differences(before, staging.content()) == []
