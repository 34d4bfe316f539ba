"""The user that PostgreSQL runs as: it refuses to run as root, so root lends it an unprivileged one."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import ConfigError

UNPRIVILEGED = ("postgres", "nobody")
PASSED_ON = ("PATH", "TZ", "TMPDIR")


@dataclass(frozen=True)
class Account:
    """An existing user without rights; files it must own are handed over with `own`."""

    name: str
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)

    def executes(self, program: Path) -> bool:
        """Whether this user can reach and run the program; asked by trying, since modes do not tell of ACLs."""
        return run_as(self, ["test", "-x", str(program)]).returncode == 0


def service_account() -> Account | None:
    """The user to run PostgreSQL as: None for a plain user (it runs as itself), an unprivileged one for root."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ConfigError(
        f"PostgreSQL refuses to run as root, and none of the users {', '.join(UNPRIVILEGED)} exists",
        fix="Run as a plain user, or create the user postgres.",
    )


def run_as(account: Account | None, argv: Sequence[str], *, timeout: float = 120.0) -> subprocess.CompletedProcess[str]:
    """Run a program as `account` (None: as ourselves), without our terminal and without our PG* and LC_* variables."""
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=False,
        cwd="/",
        umask=0o077,
        start_new_session=True,
        env={"LC_ALL": "C", **{key: os.environ[key] for key in PASSED_ON if key in os.environ}},
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
