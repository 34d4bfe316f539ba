"""Airflow's channel on a real server: tokens, a role without rights, an API that dies and comes back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

import pytest

from deploy.channels import airflow_api
from deploy.command import Request
from deploy.errors import CommandFailed
from deploy.question import Airflow, Answer, Data, Unanswered
from deploy.secret import Secret, mask
from deploy.site import Site
from deploy.steps.airflow import set_pauses
from tests.airflow.server import PASSWORD, SECRET, Server

pytestmark = pytest.mark.live
MakeSite = Callable[..., Site]


def ask(site: Site, path: str, **params: str) -> Answer | Unanswered:
    return site.answer([("localhost", Airflow(path, params))])[0]


def value(answer: Answer | Unanswered) -> dict[str, object]:
    assert isinstance(answer, Data), answer
    assert isinstance(answer.value, dict), answer
    return answer.value


def known_as(server: Server) -> tuple[str, str, Secret]:
    """Under which key the channel keeps the token of the administrator."""
    return server.url, "admin", Secret(PASSWORD)


def signed(key: str, seconds_ago: int) -> Secret:
    """A token that expired so many seconds ago, signed with this key."""
    now = int(time.time()) - seconds_ago
    claims = {"sub": "admin", "role": "admin", "iss": [], "aud": "apache-airflow", "nbf": now - 60, "iat": now - 60}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS512", "typ": "JWT"}, {**claims, "exp": now})]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.new(key.encode(), text, hashlib.sha512).digest()
    return Secret((text + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode())


@pytest.mark.parametrize(("key", "ago"), [(SECRET, 100), ("another key" * 9, -100)], ids=["expired", "of-another-key"])
def test_a_token_that_is_not_accepted_is_renewed(site: MakeSite, server: Server, key: str, ago: int) -> None:
    made = site()
    assert value(ask(made, "dags/shop_slow"))["dag_id"] == "shop_slow"
    name = known_as(server)
    stale = signed(key, ago)
    airflow_api._tokens[name] = (stale, time.monotonic() + 1000)
    assert value(ask(made, "dags/shop_slow"))["dag_id"] == "shop_slow"
    fresh = airflow_api._tokens[name][0]
    assert fresh != stale
    assert mask(f"Bearer {fresh.reveal()}") == "Bearer ***"


def test_a_token_is_renewed_before_it_ends_and_kept_until_then(site: MakeSite, server: Server) -> None:
    made = site()
    ask(made, "dags/shop_slow")
    name = known_as(server)
    first, until = airflow_api._tokens[name]
    assert 80_000 < until - time.monotonic() < 86_400
    ask(made, "dags/shop_slow")
    assert airflow_api._tokens[name][0] == first
    airflow_api._tokens[name] = (first, time.monotonic() - 1)
    ask(made, "dags/shop_slow")
    assert airflow_api._tokens[name][0] != first


def test_a_role_without_rights_gets_no_answer_and_changes_nothing(site: MakeSite) -> None:
    viewer = site(user="viewer")
    refused = ask(viewer, "variables/any")
    assert isinstance(refused, Unanswered) and refused.why.startswith("permission denied")
    with pytest.raises(CommandFailed, match="exited 403"):
        viewer.execute(Request("PATCH", "dags/shop_slow?update_mask=is_paused", {"is_paused": False}))


def test_lists_come_whole(site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_api, "PAGE", 3)
    found = value(ask(site(), "dags"))
    assert isinstance(found["dags"], list) and len(found["dags"]) == found["total_entries"] == 4


def test_the_command_line_stands_in_and_the_api_is_used_again_when_it_is_back(site: MakeSite, server: Server) -> None:
    made, pause = site(), Request("PATCH", "dags/shop_slow", {"is_paused": True})
    set_pauses(made, {"shop_slow": False})
    server.kill("api-server")
    try:
        by_hand = ask(made, "dags/shop_slow")
        assert isinstance(by_hand, Data) and by_hand.note.startswith("by the command line: the API is unreachable")
        assert value(by_hand)["is_paused"] is False
        assert made.execute(pause).err.startswith("by the command line")
    finally:
        server.launch("api-server")
        server.wait()
    again = ask(made, "dags/shop_slow")
    assert isinstance(again, Data) and again.note == ""
    assert value(again)["is_paused"] is True
