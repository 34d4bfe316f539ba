"""Who is told and how soon, as people write it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.endpoints import Alerts
from deploy.errors import ConfigError
from deploy.result import Severity
from tests.monitor.doubles import TEXT, checklist


def test_a_severity_without_routes_uses_those_of_the_next_graver_one() -> None:
    alerts = Alerts.model_validate({"routes": {"critical": "a://1  b://2\n", "warning": "", "info": ["c://3 d://4"]}})
    told = {severity: [url.reveal() for url in alerts.urls(severity)] for severity in Severity}
    assert told == {"critical": ["a://1", "b://2"], "warning": ["a://1", "b://2"], "info": ["c://3", "d://4"]}
    assert Alerts().urls(Severity.INFO) == ()


def test_what_is_not_set_has_a_default_of_its_own() -> None:
    alerts = Alerts.model_validate({"every": "10m", "remind": {"critical": "1h"}})
    assert (alerts.every, alerts.after) == (timedelta(minutes=10), 2)
    assert [alerts.again(severity) for severity in Severity] == [
        timedelta(hours=1),
        timedelta(days=1),
        timedelta(weeks=1),
    ]


@pytest.mark.parametrize(
    "given",
    [{"routes": {"urgent": "a://1"}}, {"routes": {"critical": 1}}, {"every": "soon"}, {"after": 0}, {"remind": "4h"}],
)
def test_mistakes_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Alerts.model_validate(given)


def test_an_item_says_for_how_long_it_must_fail() -> None:
    assert checklist().by_id["failures"].lasting == "10m"
    for wrong in ("for: a while", "lasting: 10m"):
        with pytest.raises(ConfigError):
            checklist(TEXT.replace("for: 10m", wrong))
