"""Fabric's connection, with nothing in it but what we say: what the user's ssh configuration holds, we look up."""

from __future__ import annotations

import paramiko
from fabric import Config, Connection


def settings() -> Config:
    """An empty configuration, for all connections: looking a host up in a long one takes longer than to log in."""
    return Config(lazy=True, ssh_config=paramiko.SSHConfig())


class BareConnection(Connection):  # type: ignore[misc]
    """Fabric writes what a connection has no attribute for into the configuration that it was given.

    While it does so, that is empty for a moment, and other threads that connect would find nothing there.
    """

    inline_ssh_env: bool | None = None
