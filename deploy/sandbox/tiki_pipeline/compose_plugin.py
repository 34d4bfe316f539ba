"""Compose v2 as a plugin of the Docker client, where the distribution carries only v1: `ensure()`.

Debian 13 carries it, and its packages run on Debian 12. They come from the mirror that the machine's own package
sources name, verified by the machine's own keyring, and are unpacked, not installed: the system stays what it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy.errors import ConfigError
from deploy.sandbox.postgres import silent
from deploy.sandbox.tiki_pipeline import machine

RELEASE, PACKAGES = "trixie", ("docker-compose", "docker-buildx")
PLUGINS = "usr/libexec/docker/cli-plugins"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
V2, V1 = ("docker", "compose"), ("docker-compose",)
FIX = "Install Docker's Compose plugin, version 2."


def ensure(say: Callable[[str], None] = silent) -> tuple[str, ...]:
    """The command of Compose v2, fetched first where it is missing; ConfigError where it cannot be had."""
    if not works(V2):
        with machine.only_one("compose"):
            if not works(V2):
                say("Fetching Compose v2 (once per machine) ...")
                _fetch(plugins_folder())
        if not works(V2):
            raise ConfigError("the plugin was fetched, and the Docker client does not run it", fix=FIX)
    return V2


def works(command: tuple[str, ...]) -> bool:
    """Whether this Compose is there and runs."""
    if not shutil.which(command[0]):
        return False
    done = subprocess.run([*command, "version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0


def plugins_folder() -> Path:
    """Where the Docker client looks for plugins: everybody's for root, else the user's own."""
    if os.geteuid() == 0:
        return Path("/usr/local/lib/docker/cli-plugins")
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "cli-plugins"


def mirror(targets: str) -> str:
    """Debian's mirror of this machine, from the lines `site origin component` that apt tells of its own sources."""
    for line in targets.splitlines():
        site, origin, component = [*line.split(), "", "", ""][:3]
        if origin == "Debian" and component == "main" and "security" not in site:
            return site
    raise ConfigError("this machine has no package source of Debian's to fetch Compose v2 from", fix=FIX)


def _fetch(target: Path) -> None:
    if not shutil.which("apt-get"):
        raise ConfigError("Compose v2 is missing, and this is no Debian to fetch it for", fix=FIX)
    asked = ["apt-get", "indextargets", "--format", "$(SITE) $(ORIGIN) $(COMPONENT)", "Created-By: Packages"]
    site = mirror(machine.run(asked, timeout=30))
    with tempfile.TemporaryDirectory(prefix="compose-") as name:
        folder = Path(name)
        _download(folder, site)
        target.mkdir(parents=True, exist_ok=True)
        for package in folder.glob("*.deb"):
            machine.run(["dpkg-deb", "-x", str(package), str(folder / "unpacked")], timeout=60)
        for plugin in (folder / "unpacked" / PLUGINS).iterdir():
            shutil.copy(plugin, target / f".{plugin.name}")
            (target / f".{plugin.name}").replace(target / plugin.name)


def _download(folder: Path, site: str) -> None:
    """Download the packages with lists and caches of apt below `folder`, so that nothing of the system changes."""
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {site} {RELEASE} main\n", encoding="utf-8")
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": str(sources),
        "Dir::Etc::sourceparts": "-",
        "Dir::State": str(folder / "state"),
        "Dir::Cache": str(folder / "cache"),
        "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "-qq", *(part for key, value in settings.items() for part in ("-o", f"{key}={value}"))]
    machine.run([*apt, "update"], timeout=300)
    machine.run(["sh", "-c", 'cd "$1" && shift && "$@"', "sh", str(folder), *apt, "download", *PACKAGES], timeout=300)
