"""Messages really arrive, and no URL is ever shown."""

from __future__ import annotations

import socket

import pytest

from deploy.monitor.routes import Route, routes, send
from deploy.result import Severity
from deploy.secret import Secret
from tests.monitor.doubles import alerts, receiver

pytestmark = pytest.mark.live


def route(url: str) -> Route:
    return Route(Secret(url), (Severity.CRITICAL,))


def test_a_webhook_receives_title_body_and_tone() -> None:
    with receiver() as (port, posted):
        assert send(route(f"json://127.0.0.1:{port}/hook"), "Title", "One\nTwo", "failure") == ""
    (got,) = posted
    assert (got["title"], got["message"].split("\n"), got["type"]) == ("Title", ["One", "Two"], "failure")


def test_trouble_is_told_without_the_url(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    with receiver() as (port, _):
        troubles = [
            send(route(url), "t", "b", "failure")
            for url in (
                f"json://user:canary-password@127.0.0.1:{port}/no/canary-token",
                f"json://127.0.0.1:{free}/canary-token",
                "nosuch://canary-token",
                "canary-token",
            )
        ]
    assert "HTTP 503" in troubles[0]
    assert all(troubles)
    shown = " ".join([*troubles, *capfd.readouterr()])
    assert "canary" not in shown


def test_routes_are_named_by_scheme_alone_and_serve_what_has_none_of_its_own() -> None:
    given = alerts(routes={"critical": "slack://a/b/c json://h/canary", "info": ["mailto://u:canary@h"]})
    found = routes(given)
    assert [each.shown for each in found] == [
        "slack://*** (critical, warning)",
        "json://*** (critical, warning)",
        "mailto://*** (info)",
    ]
    assert len({each.key for each in found}) == 3
    assert "canary" not in repr(given)
