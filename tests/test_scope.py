"""Names between braces."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from deploy.errors import ConfigError
from deploy.scope import Scope

SCOPE = Scope(names={"root": "/srv/a+b", "release": "/srv/a+b/releases/1"}, params={"load_id": "x", "rate": "0.8"})


def test_names_are_filled_and_other_braces_stay() -> None:
    assert SCOPE.fill("{root}/logs ${HOME} {2,} {Upper}") == "/srv/a+b/logs ${HOME} {2,} {Upper}"


def test_an_unknown_name_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"\{relaese\}[\s\S]*did you mean 'release'"):
        SCOPE.fill("{relaese}/x")


def test_in_a_pattern_a_name_is_taken_literally() -> None:
    pattern = SCOPE.pattern(r"^{root}/bin/.*$")
    assert re.search(pattern, "/srv/a+b/bin/run") and not re.search(pattern, "/srv/aab/bin/run")


def test_sql_always_knows_the_span_and_the_load() -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert Scope(since=since).sql_params == {"load_id": None, "since": since, "until": None}
    assert SCOPE.sql_params["load_id"] == "x"
    assert SCOPE.sql_params["rate"] == "0.8"
