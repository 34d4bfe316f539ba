from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.channels import http as channel
from deploy.question import Http

from .asking import FAIL, PASS, UNKNOWN, Situation, asked, check

SITUATIONS = [
    Situation("http.answers", "holds", PASS, {"url": "{root}/health", "matches": '"status": *"healthy"'}),
    Situation("http.answers", "holds-refused", PASS, {"url": "{root}/closed", "status": 403}),
    Situation("http.answers", "fails", FAIL, {"url": "{root}/broken"}),
    Situation("http.answers", "fails-body", FAIL, {"url": "{root}/health", "matches": "unhealthy"}),
    Situation("http.answers", "missing", UNKNOWN, {"url": "http://127.0.0.1:1/"}),
    Situation("http.answers", "denied", UNKNOWN, {"url": "{root}/closed"}),
]
PATHS = {"/health": (200, '{"status": "healthy"}'), "/closed": (403, "no"), "/broken": (500, "oh")}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = PATHS[self.path]
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, url: str) -> None:
    (question,) = asked(situation.made(), situation.scope(url))
    assert isinstance(question, Http)
    check(situation, channel.answer([question]), url)
