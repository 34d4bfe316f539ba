"""Which results close a gate."""

from __future__ import annotations

from itertools import product

import pytest

from deploy.result import Result, Severity, Status, closing

CLOSE = {(Severity.CRITICAL, status) for status in (Status.FAIL, Status.UNKNOWN, Status.PENDING)}


@pytest.mark.parametrize(("severity", "status"), list(product(Severity, Status)))
def test_only_what_is_critical_and_open_closes_it(severity: Severity, status: Status) -> None:
    result = Result("id", "title", "prereqs", severity, status)
    assert result.holds_gate is ((severity, status) in CLOSE)
    assert closing([result]) == [result] * result.holds_gate
