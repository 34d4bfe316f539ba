from __future__ import annotations

from typing import Any

import pytest

from deploy.probes.change import Proportion, Samples
from deploy.question import Rows
from deploy.result import Status, Verdict
from deploy.scope import Scope

from .asking import FAIL, PASS, UNKNOWN

FAST = [0.1 * number for number in range(1, 41)]


def samples(after: list[float], before: list[float], **more: Any) -> Verdict:
    return Samples(sql="select 1", against=tuple(before), **more).judge(Rows((tuple((one,) for one in after),)))


def rates(after: tuple[object, ...], before: tuple[float, ...], **more: Any) -> Verdict:
    return Proportion(sql="select 1", against=before, **more).judge(Rows(((after,),)))


def test_a_change_must_be_sure_and_large_and_for_the_worse() -> None:
    slower = [value + 3 for value in FAST]
    assert samples(slower, FAST).status is FAIL
    assert samples(FAST, slower).status is PASS
    assert samples(FAST, slower, worse="lower").status is FAIL
    assert samples([value * 1.02 for value in FAST * 100], FAST * 100).status is PASS  # sure, but small
    assert samples([1.0, 2.0, 9.0], [1.0, 2.0, 3.0], at_least=3).status is PASS  # large, but not sure
    found = samples(slower, FAST, unit=" s")
    assert found.found == "median 5.05 s, 2.05 s before; effect +0.94"
    assert found.evidence.startswith("Mann-Whitney, 40 samples and 40 before: p = ")


@pytest.mark.parametrize(
    ("after", "before", "status"),
    [
        ((800, 1000), (950, 1000), FAIL),
        ((940, 1000), (950, 1000), PASS),
        ((950, 1000), (800, 1000), PASS),
        ((17, 20), (950, 1000), PASS),
        ((20, 20), (1000, 1000), PASS),
        ((0, 20), (0, 1000), PASS),
        ((0, 20), (20, 20), FAIL),
        ((19, 19), (950, 1000), UNKNOWN),
        ((950, 1000), (19, 19), UNKNOWN),
        ((None, 1000), (950, 1000), UNKNOWN),
        ((1001, 1000), (950, 1000), UNKNOWN),
        ((0, 0), (0, 0), UNKNOWN),
    ],
)
def test_rates_are_compared(after: tuple[object, ...], before: tuple[float, ...], status: Status) -> None:
    assert rates(after, before).status is status


def test_errors_are_worse_when_they_are_more() -> None:
    assert rates((300, 1000), (50, 1000), worse="higher").status is FAIL
    assert rates((50, 1000), (300, 1000), worse="higher").status is PASS


def test_no_data_and_no_baseline_are_never_a_pass() -> None:
    assert samples([], FAST).status is UNKNOWN
    assert samples(FAST, []).status is UNKNOWN
    assert Samples(sql="select 1").judge(Rows((((1.0,),),))).status is UNKNOWN
    assert Samples(sql="select x from t where at > :since").ask(Scope()) == ()
    assert rates((950, 1000), (1.0, 2.0, 3.0)).status is UNKNOWN
