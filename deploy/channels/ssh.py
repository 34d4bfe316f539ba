"""A host's shell over SSH, by Fabric: one connection, used again by all that runs there."""

from __future__ import annotations

import logging
import secrets as random
import selectors
import threading
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import paramiko
from fabric import Config, Connection

from deploy.channels import bare, sockets
from deploy.channels.addresses import known_as, parse
from deploy.channels.dialing import ERRORS, Place, UserConfig, explained, look_up, patiently
from deploy.channels.hostkeys import KnownHosts, Strict
from deploy.channels.remote import END, KEEP, LOST, Framed, command_line, converse, lifetime
from deploy.channels.transport import ASKED, CHUNK, ERR, OUT, Deadline, Ended, Mode, Receive, shell_for
from deploy.channels.tunnels import LOOPBACK, Link, Tunnel
from deploy.endpoints import Ssh
from deploy.errors import Unreachable

SHORT = 0.005  # seconds between looks at what wakes nobody up
logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it would print is in our own errors


@dataclass
class Means:
    """What all connections of an environment share: settings, known hosts, configuration, gateways.

    Hosts take turns to greet and log in: more at once than there are `turns` only wait for each other's keys.
    """

    ssh: Ssh
    turns: AbstractContextManager[Any] = field(default_factory=nullcontext)
    settings: Config = field(default_factory=bare.settings)
    gateways: dict[tuple[str, str | None], Fabric] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def known(self) -> KnownHosts:
        return KnownHosts.read(Path(self.ssh.known_hosts or "~/.ssh/known_hosts").expanduser())

    @cached_property
    def config(self) -> UserConfig:
        """What the user's ssh configuration says, parsed once."""
        return UserConfig.read(self.ssh.config)

    def gateway(self, jump: str) -> Fabric:
        """The last host of a ProxyJump, reached through the others."""
        before, _, last = jump.rpartition(",")
        with self.lock:
            return self.gateways.setdefault((last, before or None), Fabric(last.strip(), self, before or None))

    def close(self) -> None:
        """Close the connections to gateways."""
        with self.lock:
            for gateway in reversed(self.gateways.values()):
                gateway.close()
            self.gateways.clear()


class Fabric:
    """One host. May be used from many threads at once."""

    def __init__(self, host: str, means: Means, jump: str | None = None, become: str | None = None) -> None:
        self.host, self.means, self._jump, self.become = host, means, jump, become
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._tunnels: list[Tunnel] = []

    @cached_property
    def place(self) -> Place:
        address = parse(self.host)
        return look_up(self.means.config, address.name, address.user, address.port)

    @property
    def known_name(self) -> str:
        return known_as(self.place.alias, self.place.port)

    def run(self, script: str, receive: Receive, deadline: Deadline, mode: Mode = ASKED) -> Ended:
        """As `Transport.run`. Raises Unreachable: before anything ran, or because the connection was lost."""
        channel, own = self._open_channel()
        mark = random.token_hex(16)
        framed = Framed(mark, receive)
        shell, ending = shell_for(script, mode.payload, self.become), KEEP if mode.keep else END
        line = command_line(mark, shell, lifetime(deadline, mode), mode.grace, ending)
        wire = _Wire(channel, mode.given(script), framed)
        try:
            self._start(channel, line)
            return converse(wire, framed, deadline, mode, partial(self._lost, channel, framed))
        finally:
            wire.close()
            if own:
                own.close()

    def _lost(self, channel: paramiko.Channel, framed: Framed) -> Unreachable | None:
        """What is wrong with the host when a script has come to no orderly end."""
        if not channel.get_transport().is_active():
            return Unreachable(self.host, LOST, lost=True)
        if not framed.begun:
            return Unreachable(self.host, f"its login shell ended before our script began: {framed.greeting}")
        return None

    def _start(self, channel: paramiko.Channel, line: str) -> None:
        channel.settimeout(self.means.ssh.connect_timeout)
        try:
            channel.exec_command(line)
        except ERRORS as error:
            raise Unreachable(self.host, f"{LOST} ({error})", lost=True) from error

    def connect(self) -> Connection:
        """The connection of this host, opened when there is none, or none any more; Unreachable says why not."""
        with self._lock:
            if self._connection is None or not self._connection.is_connected:
                self._drop()
                self._connection = patiently(self._connect, self.host, self.means.ssh)
            return self._connection

    def open_stream(self, target: tuple[str, int] | str) -> paramiko.Channel:
        """A channel through this host to a TCP port or a socket file. Raises Unreachable or paramiko's errors."""
        link: Link = self.connect().transport
        return link.open_stream(target, self.means.ssh.connect_timeout)

    def dial(self) -> Any:
        """A socket to the host's sshd: direct, through its gateway, or what its ProxyCommand makes."""
        place, ssh = self.place, self.means.ssh
        jump = self._jump or place.jump
        if jump and jump.rpartition(",")[2].strip() != self.host:
            return self.means.gateway(jump).open_stream((place.name, place.port))
        if place.command and not self._jump:
            return sockets.piped(place.command)
        return sockets.connect(place.name, place.port, ssh.connect_timeout, ssh.keepalive)

    def forward(self, address: str, port: int) -> tuple[str, int]:
        """A port of this machine's loopback that leads to an address and port as the host sees them."""
        tunnel = Tunnel(lambda: self.open_stream((address, port)))
        self._tunnels.append(tunnel)
        return LOOPBACK, tunnel.port

    def forward_socket(self, path: str, near: str) -> None:
        """Have the socket file `near` of this machine lead to one of the host."""
        self._tunnels.append(Tunnel(lambda: self.open_stream(path), near))

    def close(self) -> None:
        while self._tunnels:
            self._tunnels.pop().close()
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _connect(self) -> Connection:
        place, ssh = self.place, self.means.ssh
        strict = Strict(self.means.known, self.known_name, self.host)
        connection = bare.BareConnection(
            place.name,
            user=place.user,
            port=place.port,
            config=self.means.settings,
            gateway=False,  # ours knows its host keys
            connect_timeout=ssh.connect_timeout,
            connect_kwargs={**self._login(), "transport_factory": strict.link, "sock": self.dial()},
        )
        connection.client.set_missing_host_key_policy(strict)
        try:
            with self.means.turns:
                connection.open()
        except BaseException:
            connection.client.close()
            connection.connect_kwargs["sock"].close()
            raise
        if ssh.keepalive:
            connection.transport.set_keepalive(ssh.keepalive)
        return connection

    def _login(self) -> dict[str, Any]:
        """Which keys are shown, and how long each part of logging in may take."""
        ssh, place = self.means.ssh, self.place
        given = str(Path(ssh.identity).expanduser()) if ssh.identity else None
        others = not given and not place.only_keys
        timeouts = dict.fromkeys(("banner_timeout", "auth_timeout", "channel_timeout"), ssh.connect_timeout)
        return {
            **timeouts,
            "key_filename": [given] if given else place.keys,
            "allow_agent": others,
            "look_for_keys": others,
        }

    def _open_channel(self) -> tuple[paramiko.Channel, Connection | None]:
        """A session on the shared connection; on one of its own where the host allows no further one."""
        for _ in range(2):  # a connection that was lost while nobody used it is opened anew, once
            connection = self.connect()
            try:
                return connection.transport.open_session(timeout=self.means.ssh.connect_timeout), None
            except paramiko.ChannelException:
                own = patiently(self._connect, self.host, self.means.ssh)
                return own.transport.open_session(timeout=self.means.ssh.connect_timeout), own
            except ERRORS as error:
                failure = error
                self._forget(connection)
        raise explained(self.host, failure, self.means.ssh)

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            if self._connection is connection:
                self._drop()


class _Wire:
    """The channel of one script."""

    def __init__(self, channel: paramiko.Channel, given: Iterable[bytes], framed: Framed) -> None:
        self.channel, self.given, self.framed = channel, iter(given), framed
        self.pending: memoryview | None = memoryview(b"")
        self.selector: selectors.BaseSelector | None = None

    @property
    def silent(self) -> bool:
        return self.channel.eof_received and not self._readable

    @property
    def ended(self) -> bool:
        return self.channel.closed and not self._readable

    @property
    def _readable(self) -> bool:
        return bool(self.channel.recv_ready() or self.channel.recv_stderr_ready())

    def turn(self, patience: float) -> None:
        self._send()
        if not self._readable:
            self._wait(min(patience, SHORT) if self.pending is not None else patience)
        if self.channel.recv_ready():
            self.framed.take(OUT, self.channel.recv(CHUNK))
        if self.channel.recv_stderr_ready():
            self.framed.take(ERR, self.channel.recv_stderr(CHUNK))

    def hang_up(self) -> None:
        self.pending = None
        with suppress(*ERRORS):  # it is closed already
            self.channel.shutdown_write()

    def close(self) -> None:
        """End the script's input, and all of it with that, if it is still there."""
        self.hang_up()
        if self.selector:
            self.selector.close()
        self.channel.close()

    def _send(self) -> None:
        """Send until there is no more, or no more room; output must not wait for long."""
        until = time.monotonic() + SHORT
        while self.pending is not None and self.channel.send_ready() and time.monotonic() < until:
            self._send_some()

    def _send_some(self) -> None:
        if not self.pending:
            chunk = next(self.given, None)
            self.pending = None if chunk is None else memoryview(chunk)
        if self.pending:
            try:
                self.pending = self.pending[self.channel.send(self.pending[:CHUNK]) :]
            except ERRORS:
                self.pending = None  # the script has ended; its exit tells the rest

    def _wait(self, seconds: float) -> None:
        if self.channel.eof_received or self.channel.closed:
            time.sleep(min(seconds, SHORT))  # its descriptor stays readable from now on
            return
        if self.selector is None:
            self.selector = selectors.DefaultSelector()
            self.selector.register(self.channel.fileno(), selectors.EVENT_READ)
        self.selector.select(seconds)
