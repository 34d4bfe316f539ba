from __future__ import annotations

import json

import pytest

from deploy.backups.listing import show
from deploy.errors import ConfigError
from tests.backups.test_retention import info


def test_each_backup_is_a_line_that_says_whether_it_counts() -> None:
    lines = show([info(0, verified=False), info(1, readable=False)]).splitlines()
    assert lines[0].split() == ["id", "database", "rows", "bytes", "release", "counts"]
    assert lines[1].endswith("no: never restored: no receipt")
    assert lines[2].split()[2] == "?"


def test_machines_get_objects() -> None:
    (row,) = json.loads(show([info(0, verified=False)], "json"))
    assert (row["id"], row["verified"], row["rows"]) == ("20261123T023000Z", False, 0)


def test_none_is_said_and_a_strange_format_refused() -> None:
    assert show([]) == "no backups"
    with pytest.raises(ConfigError, match="no format"):
        show([], "xml")
