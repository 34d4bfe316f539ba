"""A private cache server (Valkey, or Redis where that is what there is), with a password and an append-only file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deploy import durable
from deploy.sandbox import ports
from deploy.sandbox.binaries import find_valkey
from deploy.sandbox.daemon import Daemon
from deploy.sandbox.private import private_folder, require_space
from deploy.secret import Secret

SPACE_TO_START = 20_000_000


@dataclass
class Valkey:
    """One server; data, configuration, pid file and log lie in `folder`. The password is in the configuration only."""

    folder: Path
    password: Secret

    @cached_property
    def daemon(self) -> Daemon:
        return Daemon("valkey", self.folder, self._command)

    @property
    def url(self) -> str:
        """The URL of its database 0; it holds the password, and a port only after the first start."""
        return f"redis://:{self.password.reveal()}@{ports.HOST}:{self.daemon.port}/0"

    def pid(self) -> int | None:
        return self.daemon.pid()

    def start(self, say: Callable[[str], None]) -> bool:
        """Have it answer; False when it did already."""
        if self.pid() is None:
            private_folder(self.folder)
            require_space(self.folder, SPACE_TO_START)
        return self.daemon.start(say)

    def stop(self) -> bool:
        """End it, its data written; False when it did not run."""
        return self.daemon.stop()

    def _command(self, port: int) -> Sequence[str]:
        settings = {
            "bind": ports.HOST,
            "port": str(port),
            "requirepass": self.password.reveal(),
            "dir": _quoted(str(self.folder)),
            "appendonly": "yes",
            "save": '""',  # the append-only file is the one copy
            "daemonize": "no",
        }
        configuration = self.folder / "valkey.conf"
        durable.replace(configuration, "".join(f"{key} {value}\n" for key, value in settings.items()))
        return [str(find_valkey()), str(configuration)]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
