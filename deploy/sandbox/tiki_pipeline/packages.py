"""The Debian packages that the practice stack needs of its host: which miss, and how root installs them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.errors import ConfigError
from deploy.sandbox.tiki_pipeline import machine

LIST = Path(__file__).with_name("packages.txt")
INSTALL_SECONDS = 900.0


def wanted() -> dict[str, str]:
    """The packages, each with a program that it brings."""
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {package: program for package, _, program in (line.partition(" ") for line in lines)}


def missing(found: Callable[[str], str | None] = shutil.which) -> list[str]:
    """Those whose program is not on PATH."""
    return [package for package, program in wanted().items() if not found(program)]


def ensure(say: Callable[[str], None]) -> None:
    """Install what misses, and say so. ConfigError names it where we are not root, or where this is no Debian."""
    packages = missing()
    if not packages:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ConfigError(
            f"this machine lacks {', '.join(packages)}",
            fix=f"Have an administrator run: apt-get install {' '.join(packages)}",
        )
    say(f"Installing {', '.join(packages)} ...")
    _install(packages)


def _install(packages: Sequence[str]) -> None:
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    machine.run([*apt, "update"], timeout=INSTALL_SECONDS, env=quiet)
    machine.run([*apt, "install", "--no-install-recommends", *packages], timeout=INSTALL_SECONDS, env=quiet)
