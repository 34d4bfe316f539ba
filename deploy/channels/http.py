"""HTTP: read-only requests, several at once."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from deploy.question import Http, Response, Unanswered
from deploy.secret import mask

AT_ONCE = 8
REDIRECTS = 5
LARGEST = 5_000_000  # bytes of a body
READS = frozenset({"GET", "HEAD"})


def answer(questions: Sequence[Http]) -> list[Response | Unanswered]:
    """The answers in the order of the questions.

    Redirects are followed, except from a request with headers or a password to another origin: those could be
    credentials, so the redirect itself is the answer then.
    """
    loopback = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}  # never through a proxy
    with httpx.Client(mounts=loopback) as client, ThreadPoolExecutor(min(AT_ONCE, len(questions) or 1)) as pool:
        return list(pool.map(lambda question: _ask(client, question), questions))


def _ask(client: httpx.Client, question: Http) -> Response | Unanswered:
    if question.method.upper() not in READS:
        return Unanswered(f"{question.method} is not a method that only reads")
    started = time.monotonic()
    try:
        return _follow(client, question, started)
    except (_TooMuch, httpx.TimeoutException) as error:
        why = str(error) if isinstance(error, _TooMuch) else f"timed out after {question.timeout:g} s"
        return Unanswered(why, _shown(question), time.monotonic() - started)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return Unanswered(mask(str(error)) or type(error).__name__, _shown(question), time.monotonic() - started)


def _shown(question: Http) -> str:
    """The address without a password in it."""
    return mask(re.sub(r"//[^/?#]*@", "//***@", question.url))


class _TooMuch(Exception):
    """The answer is larger, slower or further away than a check should wait for."""


def _follow(client: httpx.Client, question: Http, started: float) -> Response:
    request = client.build_request(
        question.method.upper(), question.url, headers=dict(question.headers), timeout=question.timeout
    )
    for _ in range(REDIRECTS + 1):
        response = client.send(request, stream=True)
        try:
            following = response.next_request
            if following is None or (_carries(question) and _origin(following.url) != _origin(request.url)):
                return _read(response, question, started)
        finally:
            response.close()
        request = following
        request.headers.update(question.headers)
    raise _TooMuch(f"redirected more than {REDIRECTS} times")


def _carries(question: Http) -> bool:
    return bool(question.headers) or bool(httpx.URL(question.url).userinfo)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _read(response: httpx.Response, question: Http, started: float) -> Response:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > LARGEST:
            raise _TooMuch(f"answered with more than {LARGEST} bytes")
        if time.monotonic() - started > question.timeout:
            raise _TooMuch(f"timed out after {question.timeout:g} s")
    text = body.decode(response.charset_encoding or "utf-8", errors="replace")
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(response.status_code, text, headers, time.monotonic() - started)
