from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.probes.bounds import Bounded, Bounds, shown, version
from deploy.result import Status

CASES: list[tuple[dict[str, Any], object, bool]] = [
    ({"above": 5}, 5, False),
    ({"above": 5}, 5.1, True),
    ({"below": 5}, Decimal(5), False),
    ({"at_least": 5}, 5, True),
    ({"at_most": 0.3}, 0.1 + 0.2, False),
    ({"at_most": 0.3}, Decimal("0.3"), True),
    ({"above": 1, "at_most": 3}, 4, False),
    ({"at_least": 3}, "12.50", True),
    ({"equals": 3}, Decimal("3.0"), True),
    ({"equals": "3.0"}, 3, False),
    ({"equals": "a"}, "a", True),
    ({"equals": True}, True, True),
    ({"equals": True}, 1, False),
    ({"equals": 1}, True, False),
    ({"equals": 5}, "many", False),
    ({"one_of": ["a", 2]}, 2, True),
    ({"one_of": ["a", 2]}, "b", False),
    ({"matches": "^v[0-9]"}, "v12", True),
    ({"matches": "^7$"}, 7, True),
]


@pytest.mark.parametrize(("bounds", "value", "holds"), CASES)
def test_holds(bounds: dict[str, Any], value: object, holds: bool) -> None:
    assert Bounds.model_validate(bounds).holds(value) is holds


@pytest.mark.parametrize("value", [None, float("nan"), Decimal("NaN"), float("inf"), "many", "", True, [1], "NaN"])
def test_what_cannot_be_judged_is_unknown(value: object) -> None:
    assert Bounds(at_most=Decimal(5)).verdict(value).status is Status.UNKNOWN


def test_null_is_unknown_for_every_kind_of_bound() -> None:
    for bounds in ({"equals": "x"}, {"one_of": ["None"]}, {"matches": "None"}):
        assert Bounds.model_validate(bounds).verdict(None).status is Status.UNKNOWN


@pytest.mark.parametrize("given", [{}, {"one_of": []}, {"matches": "a("}, {"above": "much"}, {"aboove": 1}])
def test_bounds_that_say_nothing_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Bounded.model_validate(given)


def test_words() -> None:
    given = {"above": 0.85, "at_most": 100, "one_of": [1, "b"], "matches": "x"}
    assert Bounds.model_validate(given).text(" %") == "above 0.85 % and at most 100 % and one of 1, b and matching /x/"
    assert [shown(v) for v in (None, 0.1 + 0.2, Decimal("10"), Decimal("100.00"), "a")] == [
        "NULL",
        "0.3",
        "10",
        "100",
        "a",
    ]


def test_versions_are_compared_by_number() -> None:
    assert version("3.12.1rc1") == (3, 12, 1)
    assert version("3.9") < version("3.12")
    with pytest.raises(ValueError, match="not a version"):
        version("newest")
