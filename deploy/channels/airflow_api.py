"""Airflow's REST API, version 2: a token that is renewed, lists that come whole, refusals in plain words."""

from __future__ import annotations

import base64
import functools
import json
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any

import httpx

from deploy.endpoints import Airflow
from deploy.secret import Secret, mask

ROOT = "api/v2"
CONNECT_TIMEOUT = 5.0
LOOKING = 10.0  # seconds for a server to tell its version
PAGE, MOST = 100, 5000  # entries of a list: asked for at once, and in all
MARGIN = 30.0  # seconds before its end that a token is renewed
OK = frozenset({200, 201, 204})
AWAY = frozenset({502, 503, 504})  # a proxy that stands before a server that is gone
_tokens: dict[tuple[str, str, Secret], tuple[Secret, float]] = {}
_logging_in = threading.Lock()


@functools.cache
def _trust() -> ssl.SSLContext:
    """Made once: reading all certificates takes longer than most requests."""
    return httpx.create_ssl_context()


class Unreachable(Exception):
    """No API answers there: nobody listens, it hangs, or a proxy stands before nothing."""


class Refused(Exception):
    """The API answered, and not with what was asked for; `status` is HTTP's."""

    def __init__(self, why: str, status: int = 0, evidence: str = "") -> None:
        self.why, self.status, self.evidence = why, status, evidence
        super().__init__(why)


class Api:
    """The API of one server as one user. May be used from many threads; close it with `with`."""

    def __init__(self, endpoint: Airflow, url: str) -> None:
        self.endpoint, self.url = endpoint, url.rstrip("/")
        loopback = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}  # never through a proxy
        self.http = httpx.Client(mounts=loopback, verify=_trust())
        self.shut_out: Refused | None = None  # one refused login is enough: servers lock out who tries on

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def look(self) -> None:
        """See that an API of version 2 answers. Raises Unreachable, or Refused for Airflow 2 and for anything else."""
        found = self._send("GET", f"{ROOT}/version", timeout=LOOKING)
        if found.status_code == 404 and self._send("GET", "api/v1/health", timeout=LOOKING).status_code == 200:
            raise Refused("unsupported: Airflow 2 answers here (API v1); Airflow 3 is needed", 404)
        if found.status_code != 200:
            raise _refused(found, "no Airflow 3 answers here")

    def get(self, path: str, params: Mapping[str, str], timeout: float) -> Any:
        """The JSON at a path, all pages of a list; None where there is no such thing (404)."""
        wanted = {**params} if "limit" in params else {**params, "limit": str(PAGE)}
        found = self._json(path, wanted, timeout)
        total = found.get("total_entries") if isinstance(found, dict) else None
        if "limit" in params or not isinstance(total, int):
            return found
        name = next(key for key, value in found.items() if isinstance(value, list))
        if total > MOST:
            raise Refused(f"{total} entries are more than {MOST}: ask for less")
        while len(found[name]) < total:
            page = self._json(path, {**wanted, "offset": str(len(found[name]))}, timeout)
            if not page or not page[name]:
                break
            found[name] += page[name]
        return found

    def _json(self, path: str, params: Mapping[str, str], timeout: float) -> Any:
        response = self.send("GET", f"{path}?{httpx.QueryParams(dict(params))}", None, timeout)
        if response.status_code == 404:
            return None
        if response.status_code not in OK:
            raise _refused(response)
        return response.json()

    def send(self, method: str, path: str, body: Mapping[str, object] | None, timeout: float) -> httpx.Response:
        """One request below the root of the API, with a token; a token that is not accepted is renewed, once."""
        for fresh in (False, True):
            headers = {"Authorization": f"Bearer {self.token(fresh=fresh).reveal()}"}
            response = self._send(method, f"{ROOT}/{path}", body, headers, timeout)
            if not _stale(response):
                return response
        raise _refused(response)

    def token(self, *, fresh: bool = False) -> Secret:
        """The token of this user: the one that is known while it is good, else a new one."""
        key = (self.url, self.endpoint.user, self.endpoint.password)
        with _logging_in:
            if self.shut_out:
                raise self.shut_out
            known, until = _tokens.get(key, (None, 0.0))
            if fresh or known is None or time.monotonic() > until:
                known, lifetime = self._log_in()
                _tokens[key] = (known, time.monotonic() + lifetime - min(MARGIN, lifetime / 4))
            return known

    def _log_in(self) -> tuple[Secret, float]:
        body = {"username": self.endpoint.user, "password": self.endpoint.password.reveal()}
        response = self._send("POST", "auth/token", body)
        if response.status_code not in OK:
            self.shut_out = _refused(response, "no login")
            raise self.shut_out
        token = Secret(str(response.json()["access_token"]))
        return token, lifetime(token)

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> httpx.Response:
        patience = httpx.Timeout(timeout, connect=CONNECT_TIMEOUT)
        try:
            response = self.http.request(method, f"{self.url}/{path}", json=body, headers=headers, timeout=patience)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unreachable(mask(str(error)) or type(error).__name__) from None
        if response.status_code in AWAY:
            raise Unreachable(f"answered {response.status_code}")
        return response


def lifetime(token: Secret) -> float:
    """For how many seconds a token was given, by its own words; an hour where it has none."""
    try:
        part = token.reveal().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return float(claims["exp"]) - float(claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError):
        return 3600.0


def _stale(response: httpx.Response) -> bool:
    """Whether the token is the trouble: expired (401), or of a server that signs with another key by now (403)."""
    return response.status_code == 401 or (response.status_code == 403 and "JWT" in response.text)


def _refused(response: httpx.Response, what: str = "") -> Refused:
    said = {401: "not authenticated", 403: "permission denied"}
    why = said.get(response.status_code, f"answered {response.status_code}")
    return Refused(
        ": ".join([*filter(None, [what]), why, detail(response)]), response.status_code, response.text[:2000]
    )


def detail(response: httpx.Response) -> str:
    """What the server says about it, in one line."""
    try:
        said = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        said = response.text
    said = said.get("reason", said) if isinstance(said, dict) else said
    return mask(" ".join(str(said).split()))[:200]
