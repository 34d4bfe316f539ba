"""How a host is dialled: what the user's ssh configuration says of it, its gateway, and what went wrong, in words."""

from __future__ import annotations

import errno
import os
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import paramiko

from deploy.endpoints import Ssh
from deploy.errors import ConfigError, Unreachable

T = TypeVar("T")
ERRORS = (OSError, EOFError, paramiko.SSHException)
DROPPED = 12  # tries at a host that hangs up before it greets: sshd does so at random when many connect at once
PAUSE = (0.05, 0.3)  # seconds between tries: some jitter, so that many clients do not come back together
LOCKED = ("the key needs its passphrase", "Give the key to ssh-agent (ssh-add), and leave `identity` out.")
TOO_MANY = (
    "it hung up while keys were shown to it",
    "It may allow fewer tries than the agent has keys: name the file of the right one (`identity`).",
)
NO_KEY = ("there is no key to log in with", "Give one to ssh-agent (ssh-add), or name its file (`identity`).")
SAID = {"No existing session": TOO_MANY, "No authentication methods available": NO_KEY}  # by paramiko


def patiently(connect: Callable[[], T], host: str, ssh: Ssh) -> T:
    """Connect, again where that may help, a bounded number of times; Unreachable says why it did not."""
    failed = 0
    while True:
        try:
            return connect()
        except ERRORS as error:
            if failed >= _tries(error, ssh.retries):
                raise explained(host, error, ssh) from error
        failed += 1
        time.sleep(random.uniform(*PAUSE) * failed)  # noqa: S311 - nothing secret about it


def _tries(error: Exception, retries: int) -> int:
    if isinstance(error, socket.gaierror | paramiko.AuthenticationException | FileNotFoundError | PermissionError):
        return 0
    if str(error) in SAID:
        return 0
    if isinstance(error, EOFError | ConnectionResetError | paramiko.SSHException) and retries:
        return 0 if isinstance(error, paramiko.ChannelException) else DROPPED
    return retries


def explained(host: str, error: Exception, ssh: Ssh) -> Unreachable:
    """What went wrong while connecting, and what a person can do about it."""
    return Unreachable(host, *_words(error, ssh))


def _words(error: Exception, ssh: Ssh) -> tuple[str, str]:
    for kind, words in _KNOWN.items():
        if isinstance(error, kind):
            return words(error, ssh)
    return SAID.get(str(error), (str(error) or type(error).__name__, ""))


def _os_error(error: Any, ssh: Ssh) -> tuple[str, str]:
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        error = next(iter(error.errors.values()))
    named = os.strerror(error.errno).lower() if error.errno else str(error)
    fix = "Is sshd running there, on this port?" if error.errno == errno.ECONNREFUSED else ""
    return f"{named}{f': {error.filename}' if error.filename else ''}", fix


def _denied(error: Any, ssh: Ssh) -> tuple[str, str]:
    allowed = getattr(error, "allowed_types", [])
    takes = f" (it takes: {', '.join(allowed)})" if allowed else ""
    key = f"the key {ssh.identity}" if ssh.identity else "any key of the agent or of ~/.ssh"
    return f"the login was refused{takes}", f"Does the user there accept {key}? Passwords are never used."


_KNOWN: dict[type[Exception], Callable[[Any, Ssh], tuple[str, str]]] = {
    socket.gaierror: lambda error, ssh: ("its name does not resolve", "Check the spelling of the host."),
    TimeoutError: lambda error, ssh: (f"no answer within {ssh.connect_timeout:g} s", "Is it up, and is port 22 open?"),
    paramiko.PasswordRequiredException: lambda error, ssh: LOCKED,
    paramiko.AuthenticationException: _denied,
    paramiko.ChannelException: lambda error, ssh: (f"its gateway cannot reach it ({error.text})", ""),
    ConnectionResetError: lambda error, ssh: ("it closed the connection before it greeted", ""),
    OSError: _os_error,
    EOFError: lambda error, ssh: ("it closed the connection before it greeted", ""),
}


@dataclass
class Place:
    """What ssh's configuration says of a host: where it is, and how one logs in."""

    name: str  # the host's real name or address
    port: int
    alias: str  # what known_hosts calls it, without the port
    user: str | None = None
    jump: str | None = None
    command: str | None = None
    keys: list[str] = field(default_factory=list)
    only_keys: bool = False


class UserConfig(paramiko.SSHConfig):  # type: ignore[misc]
    """The user's ssh configuration. A file of many `Host` blocks is looked through for each host that is dialled."""

    @classmethod
    def read(cls, given: str | None) -> UserConfig:
        """The file that is given, else the user's and the machine's; ConfigError for one that cannot be read."""
        config = cls()
        for name in [given] if given else ["~/.ssh/config", "/etc/ssh/ssh_config"]:
            path = Path(name).expanduser()
            try:
                if given or path.is_file():
                    config.parse(path.read_text(errors="replace").splitlines())
            except (OSError, paramiko.ssh_exception.ConfigParseError) as error:
                raise ConfigError(f"ssh's configuration cannot be read: {error}", where=str(path)) from error
        return config

    def _does_match(self, match_list: list[Any], *args: Any) -> Any:
        """A `Host` block has no `Match` criteria; without them paramiko would ask who we are, for each block."""
        return super()._does_match(match_list, *args) if match_list else []


def look_up(config: paramiko.SSHConfig, name: str, user: str | None, port: int | None) -> Place:
    """A host as the configuration knows it; what was written for the environment goes first."""
    found = config.lookup(name)
    real = found.get("hostname", name)
    keys = [key for key in found.get("identityfile", []) if Path(key).is_file()]
    return Place(
        real,
        port or int(found.get("port", 22)),
        found.get("hostkeyalias", real),
        user or found.get("user"),
        _unless_none(found.get("proxyjump")),
        _unless_none(found.get("proxycommand")),
        keys,
        found.get("identitiesonly", "no") == "yes",
    )


def _unless_none(value: str | None) -> str | None:
    return None if value is None or value.lower() == "none" else value
