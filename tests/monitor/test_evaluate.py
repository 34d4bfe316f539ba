"""What cannot be asked at all is unknown at every host where it was asked before, and so an alert."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.checklists.waivers import Waiver
from deploy.errors import ConfigError, Unreachable
from deploy.gate import Gate
from deploy.monitor.evaluate import evaluate
from deploy.result import Status
from deploy.secret import Secret
from tests.monitor.doubles import TEXT, checklist

WAIVED = Waiver(item="page", owner="Ada Lovelace", reason="being moved", expires=date(2199, 12, 31))


class Lost:
    """A session whose control host cannot be reached."""

    environment = SimpleNamespace(name="prod")
    site = None

    def __init__(self, error: Exception) -> None:
        self.error = error

    def present(self) -> Any:
        raise self.error


def gate(text: str = TEXT) -> Gate:
    return Gate(checklist(text), [WAIVED], [], holds=True)


@pytest.mark.parametrize(
    "error", [Unreachable("app1", "no route"), OSError(5, "no route"), ConfigError("nothing is deployed: no route")]
)
def test_every_item_is_unknown_where_it_was_asked_before(error: Exception) -> None:
    session: Any = Lost(error)
    text = TEXT.replace("  id: queue\n", "  id: queue\n  only: staging\n")
    known = ["database@app1", "database@app2", "failures@", "page@app1"]
    found = {(result.item, result.host): result for result in evaluate(session, gate(text), known)}
    assert {key: result.status for key, result in found.items()} == {
        ("database", "app1"): Status.UNKNOWN,
        ("database", "app2"): Status.UNKNOWN,
        ("failures", ""): Status.UNKNOWN,
        ("queue", ""): Status.SKIPPED,
        ("page", "app1"): Status.WAIVED,
        ("somebody-is-on-call", ""): Status.PENDING,
    }
    assert "no route" in found["database", "app1"].found
    assert found["database", "app1"].action == "Restart it."


def test_why_is_told_without_secrets() -> None:
    Secret("canary-password")
    session: Any = Lost(OSError(5, "no way to canary-password"))
    assert all("canary" not in result.found for result in evaluate(session, gate()))


def test_a_checklist_without_such_items_is_an_error() -> None:
    session: Any = Lost(OSError())
    with pytest.raises(ConfigError, match="no items"):
        evaluate(session, gate("## prereqs\n\n- [ ] Somebody is on call\n"))
