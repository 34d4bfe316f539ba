"""HTTP, asked of a server on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.channels import http
from deploy.channels.http import answer
from deploy.question import Http, Response, Unanswered


class Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, str]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("X-Key", "")))
        if self.path.startswith("/to="):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to="))
            self.end_headers()
        elif self.path == "/drip":
            self.drip()
        else:
            body = b"x" * 5000 if self.path == "/large" else '{"gr\u00fc\u00dfe": 1}'.encode()
            self.send_response(503 if self.path == "/bad" else 200)
            self.send_header("X-Mixed-Case", "Yes")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    do_HEAD = do_GET

    def drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b".")
                time.sleep(0.05)
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, str]]:
    """Two origins on this machine."""
    both = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    for server in both:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield (f"http://127.0.0.1:{both[0].server_port}", f"http://127.0.0.1:{both[1].server_port}")
    for server in both:
        server.shutdown()
        server.server_close()


def one(url: str, method: str = "GET", timeout: float = 10.0, **headers: str) -> Response | Unanswered:
    return answer([Http(url, method, {name.replace("_", "-"): text for name, text in headers.items()}, timeout)])[0]


def got(answer: Response | Unanswered) -> Response:
    assert isinstance(answer, Response), answer
    return answer


def why(answer: Response | Unanswered) -> str:
    assert isinstance(answer, Unanswered), answer
    return answer.why


def test_answers_come_in_order(servers: tuple[str, str]) -> None:
    here, _ = servers
    good, bad, head = answer([Http(here + "/ok"), Http(here + "/bad"), Http(here + "/ok", method="head")])
    assert (got(good).status, got(good).body) == (200, '{"gr\u00fc\u00dfe": 1}')
    assert got(good).headers["x-mixed-case"] == "Yes"
    assert got(bad).status == 503
    assert (got(head).status, got(head).body) == (200, "")


def test_no_questions_no_answers() -> None:
    assert answer([]) == []


def test_a_redirect_is_followed(servers: tuple[str, str]) -> None:
    here, there = servers
    assert got(one(f"{here}/to=/ok")).status == 200
    assert got(one(f"{here}/to={there}/ok")).status == 200


def test_credentials_follow_within_their_origin_only(servers: tuple[str, str]) -> None:
    here, there = servers
    Handler.seen.clear()
    assert got(one(f"{here}/to=/within", X_Key="canary")).status == 200
    refused = got(one(f"{here}/to={there}/without", X_Key="canary"))
    assert (refused.status, refused.headers["location"]) == (302, f"{there}/without")
    assert ("/within", "canary") in Handler.seen
    assert "/without" not in [path for path, _ in Handler.seen]
    with_password = one(f"{here}/to={there}/without".replace("//", "//user:canary@", 1))
    assert got(with_password).status == 302


def test_a_loop_of_redirects_ends(servers: tuple[str, str]) -> None:
    here, _ = servers
    nested = here + "/to=" * 8 + "/ok"
    assert why(one(nested)) == "redirected more than 5 times"


def test_a_server_that_drips_is_left(servers: tuple[str, str]) -> None:
    assert why(one(servers[0] + "/drip", timeout=0.2)) == "timed out after 0.2 s"


def test_a_body_that_is_too_large(servers: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST", 1000)
    assert why(one(servers[0] + "/large")) == "answered with more than 1000 bytes"


def test_the_evidence_is_the_address_without_its_password() -> None:
    answer = one("http://user:canary@127.0.0.1:1/path")
    assert isinstance(answer, Unanswered) and answer.evidence == "http://***@127.0.0.1:1/path"


def test_only_reading_methods_are_sent(servers: tuple[str, str]) -> None:
    Handler.seen.clear()
    assert "only reads" in why(one(servers[0] + "/ok", "DELETE"))
    assert Handler.seen == []


def test_nobody_there_and_addresses_that_are_none() -> None:
    assert "refused" in why(one("http://127.0.0.1:1/"))
    for bad in ("not an address", "http://", "ftp://127.0.0.1/", "http://127.0.0.1:99999/"):
        assert why(one(bad))
