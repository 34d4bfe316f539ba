"""A virtual environment with Airflow, made once for a machine: `ensure()`.

It is made with the system's own Python, since containers that bind-mount the host's `/usr` run it at the same path.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.errors import ConfigError
from deploy.sandbox.postgres import silent
from deploy.sandbox.tiki_pipeline import machine

PINS = Path(__file__).with_name("airflow-requirements.lock")
PYTHON = Path("/usr/bin/python3.11")  # the pins were resolved for it
COMPLETE = ".complete"
INSTALL_SECONDS = 900.0


def folder() -> Path:
    """Where the environment is or will be; other pins make another one."""
    digest = hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]
    return machine.cache_folder() / f"airflow-{digest}"


def ensure(say: Callable[[str], None] = silent) -> Path:
    """The folder of the environment, installed first where it is not there in full; safe from many processes at once.

    ConfigError without the system's Python or an installer, DeployError when the installation fails.
    """
    venv = folder()
    if (venv / COMPLETE).exists():
        return venv
    with machine.only_one("airflow"):
        if not (venv / COMPLETE).exists():
            say(f"Installing Airflow in {venv} (once per machine, about a minute) ...")
            _install(venv)
    return venv


def _install(venv: Path) -> None:
    """Make it from nothing: what an interrupted installation left is removed first, and the mark is written last."""
    if not PYTHON.exists():
        raise ConfigError(f"Airflow needs {PYTHON}", fix="On Debian 12 run: apt-get install python3.11")
    shutil.rmtree(venv, ignore_errors=True)
    machine.run([str(PYTHON), "-m", "venv", "--without-pip", str(venv)], timeout=60)
    machine.run([*_installer(venv / "bin" / "python"), "-r", str(PINS)], timeout=INSTALL_SECONDS)
    (venv / COMPLETE).touch()


def _installer(python: Path) -> list[str]:
    """The command that installs into `python`'s environment: uv where there is one, it takes a tenth of the time."""
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--compile-bytecode", "--no-deps", "--python", str(python)]
    if importlib.util.find_spec("pip") is None:
        raise ConfigError("neither uv nor pip is there to install Airflow with", fix="Install uv.")
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    return [*pip, "install", "--quiet", "--no-deps", "--no-input", "--disable-pip-version-check"]
