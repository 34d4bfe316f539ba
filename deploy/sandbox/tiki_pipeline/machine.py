"""What is made once for a machine, not for a checkout: where it lies, and one process at a time that makes it."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.errors import DeployError


def cache_folder() -> Path:
    """The folder for it: `/var/cache/pipeline-deploy` for root, else below the user's own cache folder.

    Containers read it with other users' rights, so everyone may enter it; nothing secret belongs here.
    """
    own = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path("/var/cache" if os.geteuid() == 0 else own) / "pipeline-deploy"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.chmod(0o755)
    return folder


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Wait until no other process makes the thing of this name; the lock ends with its holder, however that ends."""
    with (cache_folder() / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(argv: Sequence[str], *, timeout: float, env: Mapping[str, str] | None = None, given: bytes = b"") -> str:
    """What a program prints; DeployError with its last lines when it fails. Its files are readable to everyone."""
    done = subprocess.run(
        argv,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        check=False,
        cwd="/",
        umask=0o022,
        env={**os.environ, **(env or {})},
    )
    said = done.stdout.decode(errors="replace")
    if done.returncode:
        tail = "\n".join(f"  | {line}" for line in said.splitlines()[-12:])
        raise DeployError(f"{' '.join(argv[:3])} … exited {done.returncode}; it said\n{tail}")
    return said
