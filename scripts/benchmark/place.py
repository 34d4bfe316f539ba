"""A checkout of its own in a temporary folder, with a sandbox of its own: nothing of the user's is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import config
from deploy.channels.transport import local_environment
from deploy.folders import PROJECT
from deploy.sandbox import sandbox
from deploy.session import Session
from deploy.site import Site

COPIED = ("deploy", "scripts/benchmark", "tasks.py")
SYSTEM = "extraction_engine"
BYTECODE = shutil.ignore_patterns("__pycache__")


class Broken(Exception):
    """A figure cannot be given: an answer differed, or something failed."""


class Quiet:
    """The progress of a step that nobody watches."""

    def say(self, text: str) -> None: ...
    def count(self, done: int, total: int | None, what: str) -> None: ...


@dataclass(frozen=True)
class Place:
    """The temporary checkout."""

    folder: Path

    def session(self, site: type[Site] = Site) -> Session:
        """The practice engine in this sandbox, whatever the variables of our own process say."""
        system = config.load_system(PROJECT / "deploy" / "systems" / SYSTEM)
        environment = config.load_environment(system, "local", self.folder, {})
        return Session(system, environment, site(environment))

    def variables(self) -> dict[str, str]:
        """The environment of a child: what a login has, the tools of our own virtual environment, and no settings."""
        return {**local_environment(os.environ), "DEPLOY_SYSTEM": SYSTEM, "DEPLOY_ENV": "local", "NO_COLOR": "1"}

    def python(self, *words: str, legal: Sequence[int] = (0,)) -> float:
        """Run our interpreter in the checkout; the seconds it took."""
        return timed([sys.executable, *words], self.variables(), cwd=self.folder, legal=legal)

    def fresh(self) -> None:
        """Throw away whatever was deployed here, and start anew."""
        sandbox.reset(self.folder)
        sandbox.start(self.folder)


@contextmanager
def temporary() -> Iterator[Place]:
    """A started sandbox; however it ends, its servers are stopped and its folder is removed."""
    folder = Path(tempfile.mkdtemp(prefix="pipeline-deploy-bench-")).resolve()
    try:
        for name in COPIED:
            _copy(PROJECT / name, folder / name)
        sandbox.start(folder)
        yield Place(folder)
    finally:
        sandbox.reset(folder)
        shutil.rmtree(folder)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=BYTECODE)
    else:
        shutil.copy2(source, target)


def timed(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    cwd: Path | None = None,
    given: str = "",
    legal: Sequence[int] = (0,),
) -> float:
    """The seconds that a process took; Broken with the end of its output for an exit that is not legal."""
    began = time.monotonic()
    done = subprocess.run(argv, env=env, cwd=cwd, input=given, text=True, capture_output=True)
    took = time.monotonic() - began
    if done.returncode not in legal:
        raise Broken(f"{argv[0]} exited {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    return took
