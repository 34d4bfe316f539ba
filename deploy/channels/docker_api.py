"""The Engine's HTTP API: its version negotiated, its streams taken apart."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

NEWEST = (1, 47)  # the newest API that these requests were written for
HEADER = 8  # bytes before each piece of a multiplexed stream: the stream, three zeros, the size
STREAMS = {0: "stdout", 1: "stdout", 2: "stderr"}
LARGEST = 20_000_000  # bytes read of one stream


class Refused(Exception):
    """The Engine did not answer as it should; the text says why."""


class Gone(Refused):
    """There is no such container or image (any more)."""


class Engine:
    """An Engine behind a socket's path or a URL. `deadline` ends each of its streams."""

    def __init__(self, address: str, timeout: float) -> None:
        local = "://" not in address or address.startswith("unix://")
        path = address.removeprefix("unix://")
        if local:
            _knock(path, timeout)
        transport = httpx.HTTPTransport(uds=path) if local else None
        base = "http://docker" if local else address.replace("tcp://", "http://")
        self.deadline = time.monotonic() + timeout
        self.client = httpx.Client(transport=transport, base_url=base, timeout=timeout, trust_env=False)
        self.prefix = ""

    def negotiate(self) -> dict[str, Any]:
        """Agree on a version of the API; returns what the Engine tells of itself."""
        told: dict[str, Any] = self.get("/version")
        newest, oldest = (_version(str(told.get(key, "1.24"))) for key in ("ApiVersion", "MinAPIVersion"))
        if oldest > NEWEST:
            raise Refused(f"the Engine speaks no API older than {oldest[0]}.{oldest[1]}")
        major, minor = min(newest, NEWEST)
        self.prefix = f"/v{major}.{minor}"
        return told

    def get(self, path: str, **params: str) -> Any:
        """The JSON that a path answers. Raises Refused, Gone, and httpx.HTTPError."""
        return self._json(self.client.get(self.prefix + path, params=params))

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        return self._json(self.client.post(self.prefix + path, json=body))

    def _json(self, response: httpx.Response) -> Any:
        self._check(response)
        return response.json()

    def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        response.read()
        try:
            said = str(response.json()["message"])
        except (ValueError, KeyError, TypeError):
            said = response.text[:200]
        raise (Gone if response.status_code == 404 else Refused)(f"HTTP {response.status_code}: {said}")

    @contextmanager
    def stream(
        self, method: str, path: str, body: Mapping[str, object] | None = None, **params: str
    ) -> Iterator[Iterator[bytes]]:
        """The pieces of a long answer, as they come, until it ends or the deadline is over."""
        with self.client.stream(method, self.prefix + path, params=params, json=body) as response:
            self._check(response)
            yield self._pieces(response)

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        for piece in response.iter_bytes():
            if time.monotonic() > self.deadline:
                raise httpx.ReadTimeout("the stream goes on")
            yield piece


def _knock(path: str, timeout: float) -> None:
    """Raise Refused where nobody listens or we may not ask; httpx would leave its socket open then."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(path)
        except PermissionError as error:
            raise Refused(f"permission denied: {path}") from error
        except OSError as error:
            raise Refused(f"no Docker Engine answers at {path}: {error.strerror or error}") from error


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)


def json_lines(pieces: Iterator[bytes]) -> Iterator[Any]:
    """The JSON values of a stream, one a line."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (json.loads(line) for line in lines if line.strip())


def collect(pieces: Iterator[bytes], most: int = LARGEST) -> tuple[bytes, bool]:
    """A whole stream, and whether it was cut because it is longer than `most` bytes."""
    whole = bytearray()
    for piece in pieces:
        whole += piece
        if len(whole) > most:
            return bytes(whole[:most]), True
    return bytes(whole), False


def demultiplex(raw: bytes) -> dict[str, bytes]:
    """Standard output and error of a stream without a terminal; a cut last piece is given as far as it came."""
    streams = {"stdout": bytearray(), "stderr": bytearray()}
    for name, piece in pieces_of(raw):
        streams[name] += piece
    return {name: bytes(text) for name, text in streams.items()}


def pieces_of(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Each piece of a multiplexed stream, with the stream it is of, in the order in which they were written."""
    at = 0
    while at + HEADER <= len(raw):
        kind, size = raw[at], int.from_bytes(raw[at + 4 : at + HEADER], "big")
        if kind not in STREAMS:
            raise Refused("the stream is not multiplexed as the API says")
        yield STREAMS[kind], raw[at + HEADER : at + HEADER + size]
        at += HEADER + size
