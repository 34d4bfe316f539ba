"""Files and folders that only their owner can read."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path

from deploy import durable
from deploy.errors import ConfigError
from deploy.secret import Secret


def private_folder(path: Path) -> Path:
    """Make the folder with mode 0700, or narrow the mode of ours; one that belongs to somebody else is refused."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = path.stat().st_uid
    if owner != os.geteuid():
        raise ConfigError(
            f"this folder belongs to the user with id {owner}, and this is the user with id {os.geteuid()}",
            where=str(path),
            fix="Run as that user, or remove the folder.",
        )
    path.chmod(0o700)
    return path


def require_space(folder: Path, needed: int) -> None:
    """Refuse to start what would die of a full disk; `needed` is in bytes."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ConfigError(
            f"the disk is full: {free} bytes are free, and {needed} are needed",
            where=str(folder),
            fix="Free some space and start again; nothing was lost.",
        )


class Keyring:
    """Random passwords by name in one 0600 file, made when first asked for and kept from then on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def secret(self, name: str) -> Secret:
        """The password of this name: 32 characters that need no quoting anywhere."""
        keys = self._read()
        if name not in keys:
            keys[name] = secrets.token_hex(16)
            durable.replace(self.path, json.dumps(keys, indent=1) + "\n")
        return Secret(keys[name])

    def _read(self) -> dict[str, str]:
        try:
            keys = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ConfigError(
                "the sandbox's passwords cannot be read", where=str(self.path), fix="Run: invoke sandbox.reset"
            ) from error
        return {str(name): str(value) for name, value in keys.items()}
