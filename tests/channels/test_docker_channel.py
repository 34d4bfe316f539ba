"""The Engine's HTTP API over a socket of our own: versions, streams, refusals; the real Engine is in tests/stack."""

from __future__ import annotations

import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from deploy import endpoints
from deploy.channels.docker import answer
from deploy.channels.docker_api import Refused, collect, demultiplex, json_lines
from deploy.question import Data, Docker, Unanswered

Answers = dict[str, tuple[int, Any]]
VERSION = {"Version": "28.0", "ApiVersion": "1.99", "MinAPIVersion": "1.24"}


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def served(answers: Answers) -> Iterator[tuple[str, list[str]]]:
    """An Engine that answers these paths (their ends, before `?`), and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            status, told = next(
                (given for end, given in answers.items() if path.endswith(end)), (404, {"message": "no"})
            )
            body = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "local"

        def log_message(self, *words: object) -> None:
            """Nothing is printed."""

    with tempfile.TemporaryDirectory(prefix="engine-") as folder:
        path = str(Path(folder) / "docker.sock")
        with Server(path, Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield path, asked
            finally:
                server.shutdown()
                thread.join()


def ask(socket: str, what: str = "engine", **options: object) -> Data | Unanswered:
    (found,) = answer([Docker(what, options)], endpoints.Docker(project="p"), socket)
    return found


def test_a_newer_engine_is_asked_by_the_newest_version_that_is_known_here() -> None:
    with served({"/version": (200, VERSION), "/info": (200, {"MemTotal": 7})}) as (socket, asked):
        found = ask(f"unix://{socket}")
    assert isinstance(found, Data)
    assert found.value["MemTotal"] == 7  # type: ignore[index]
    assert asked == ["/version", "/v1.47/info"]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"/version": (200, {**VERSION, "MinAPIVersion": "2.0"})}, "the Engine speaks no API older than 2.0"),
        ({"/version": (200, VERSION), "/info": (500, {"message": "disk full"})}, "HTTP 500: disk full"),
        ({"/version": (502, b"<html>")}, "HTTP 502: <html>"),
        ({"/version": (200, b"not JSON")}, "an unexpected answer: JSONDecodeError"),
        ({"/version": (200, {}), "/info": (200, {})}, "an unexpected answer: KeyError"),
    ],
)
def test_whatever_is_not_an_answer_is_unanswered(answers: Answers, why: str) -> None:
    with served(answers) as (socket, _):
        found = ask(socket)
    assert isinstance(found, Unanswered)
    assert found.why == why


def test_only_known_questions_are_asked_and_a_container_that_vanished_is_left_out() -> None:
    labels = {"com.docker.compose.service": "web"}
    once = {**labels, "com.docker.compose.oneoff": "True"}
    listed = [{"Id": "a", "Labels": labels}, {"Id": "b", "Labels": once}]
    with served({"/version": (200, VERSION), "/containers/json": (200, listed)}) as (socket, asked):
        assert ask(socket, "services") == Data([], pytest.approx(0, abs=60))
        assert asked[-1] == "/v1.47/containers/a/json"
        assert isinstance(ask(socket, "remove"), Unanswered)


def test_streams_are_taken_apart_wherever_their_pieces_end() -> None:
    raw = b"\1\0\0\0\0\0\0\3one\2\0\0\0\0\0\0\3bad\1\0\0\0\0\0\0\4two\n"
    assert demultiplex(raw) == {"stdout": b"onetwo\n", "stderr": b"bad"}
    assert demultiplex(raw[:-2]) == {"stdout": b"onetw", "stderr": b"bad"}
    with pytest.raises(Refused):
        demultiplex(b"plain text of a terminal")
    assert list(json_lines(iter([b'{"a":', b" 1}\n[2]", b"\n{"]))) == [{"a": 1}, [2]]
    assert collect(iter([b"abc", b"def"]), most=4) == (b"abcd", True)
