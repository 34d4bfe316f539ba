"""Ports and sockets of this machine that lead through a host's SSH connection."""

from __future__ import annotations

import selectors
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import paramiko

from deploy.channels.dialing import ERRORS
from deploy.channels.transport import CHUNK
from deploy.errors import Unreachable

LOOPBACK = "127.0.0.1"
SOCKET_FILE = "direct-streamlocal@openssh.com"
CHANNEL_OPEN = b"\x5a"
Open = Callable[[], paramiko.Channel]


class Link(paramiko.Transport):  # type: ignore[misc]
    """Paramiko's transport, which opens channels to socket files as well as to TCP ports.

    It opens one at a time: it keeps one exception for all, and a thread could get that of another.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._path: str | None = None  # of the socket file that is being asked for
        self._asking = threading.RLock()
        super().__init__(*args, **options)

    def open_channel(self, *args: Any, **options: Any) -> paramiko.Channel:
        with self._asking:
            return super().open_channel(*args, **options)

    def open_stream(self, target: tuple[str, int] | str, timeout: float) -> paramiko.Channel:
        """A channel to an address and port, or to a path, as the host sees them. Raises SSHException."""
        if not isinstance(target, str):
            return self.open_channel("direct-tcpip", target, ("", 0), timeout=timeout)
        with self._asking:
            self._path = target
            return self.open_channel(SOCKET_FILE, timeout=timeout)

    def _send_user_message(self, data: paramiko.Message) -> None:
        """Paramiko sends requests of a kind that it does not know without what they ask for: it is added here."""
        if data.asbytes()[:1] == CHANNEL_OPEN and SOCKET_FILE.encode() in data.asbytes():
            data.add_string(self._path)
            data.add_string("")  # reserved
            data.add_int(0)
        super()._send_user_message(data)


class Tunnel:
    """Listens on this machine; each connection gets a channel of its own, so that it survives a new SSH connection."""

    def __init__(self, open_channel: Open, path: str | None = None) -> None:
        server = socketserver.ThreadingTCPServer if path is None else socketserver.ThreadingUnixStreamServer
        self.server: Any = server(path or (LOOPBACK, 0), _handler(open_channel))  # type: ignore[arg-type]
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def close(self) -> None:
        """Listen no longer; open connections end with the SSH connection."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def _handler(open_channel: Open) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                channel = open_channel()
            except (*ERRORS, Unreachable):
                return  # whoever connected sees a connection that is closed at once
            try:
                pump(self.request, channel)
            finally:
                channel.close()

    return Handler


def pump(near: socket.socket, far: paramiko.Channel) -> None:
    """Pass on bytes in both directions until both have ended; an end on one side is passed on as well."""
    far.settimeout(None)
    with selectors.DefaultSelector() as selector, suppress(*ERRORS):
        selector.register(near, selectors.EVENT_READ, lambda: _pass(near.recv, far.sendall, far.shutdown_write))
        selector.register(far.fileno(), selectors.EVENT_READ, lambda: _pass(far.recv, near.sendall, lambda: _end(near)))
        while selector.get_map():
            for key, _ in selector.select():
                if not key.data():
                    selector.unregister(key.fileobj)


def _pass(receive: Callable[[int], bytes], send: Callable[[bytes], None], end: Callable[[], None]) -> bool:
    chunk = receive(CHUNK)
    if chunk:
        send(chunk)
    else:
        end()
    return bool(chunk)


def _end(near: socket.socket) -> None:
    near.shutdown(socket.SHUT_WR)
