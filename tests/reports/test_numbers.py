from dataclasses import replace

import pytest

from deploy.reports.charts import against_limits, durations, sparkline
from deploy.reports.numbers import grouped, limits, numbers, short, values
from deploy.result import Result, Severity, Status
from tests.reports.pages import rate


@pytest.mark.parametrize(
    ("expected", "found", "value"),
    [
        ("above 0.85", "0.91", 0.91),
        ("at least 125 tests, all passing", "236 passed", 236),
        ("at least 10 %", "75.7 %", 75.7),
        ("at most 1,000", "1_200", 1200),
        ("at least 100% JSON lines", "100.0% of 62 lines", 100),
        ("below -1", "-2.5", -2.5),
        ("at least 3.11", "3.11.7", None),
        ("each at least 1", "all 3", None),
        ("a proven backup of app within 24h", "20261128T141822Z-50cf, new", None),
        ("at most 0640", "kept", None),
        ("at most 5", "9" * 400, None),
        ("set", "1", None),
    ],
)
def test_what_is_a_number_against_a_limit(expected: str, found: str, value: float | None) -> None:
    told = values(Result("x", "X", "prereqs", Severity.INFO, Status.PASS, expected, found))
    assert [each for _, each, _ in told] == ([] if value is None else [value])


def test_what_could_not_be_judged_has_no_number() -> None:
    assert values(rate(Status.UNKNOWN, "3 of at least 20 samples")) == []


def test_limits_of_both_sides() -> None:
    assert limits("at least 1 and at most 10 GB") == (("at least", 1.0), ("at most", 10.0))


def test_a_number_is_followed_by_item_and_host() -> None:
    found = numbers(
        [("before", [rate(Status.PASS, "0.9", "a")]), ("now", [rate(Status.FAIL, "0.2", each) for each in "ab"])]
    )
    assert [(each.host, [point.value for point in each.points]) for each in found] == [("a", [0.9, 0.2]), ("b", [0.2])]


def test_charts_are_drawn_without_styles_scripts_or_ids_of_their_own() -> None:
    (number,) = numbers([("now", [rate(Status.PASS, "0.9")])])
    for chart in (against_limits([number]), durations([3, 0.5])):
        assert chart.startswith("<svg") and 'role="img"' in chart and len(chart) < 6000
        assert not [each for each in ("<style", "<script", " id=", "xlink", "<desc", "<title") if each in chart]


def test_a_sparkline_and_short_numbers() -> None:
    assert sparkline([0, 5, 10]) == "▁▅█"
    assert sparkline([]) == "" and sparkline([0, 0]) == "▁▁"
    assert [short(each) for each in (1234567, 0.039071, 95.168539, 12345.6)] == [
        "1,234,567",
        "0.03907",
        "95.17",
        "12,346",
    ]


def test_a_number_for_each_label_is_read_from_the_evidence() -> None:
    table = "\n".join(
        [
            "source   rate  records  judged",
            "serper   0.9   24       pass",
            "old one  0.1   12       fail",
            "new      NULL  0        unknown",
        ]
    )
    result = replace(rate(Status.FAIL, "old one: fail"), expected="each above 0.85", evidence=table)
    (group,) = grouped(numbers([("before", [result]), ("deployed", [result])]))
    assert [(each.label, each.last.value, each.last.status) for each in group] == [
        ("serper", 0.9, Status.PASS),
        ("old one", 0.1, Status.FAIL),
    ]
    chart = against_limits(group)
    assert 'class="series found fail"' in chart and 'class="series limit"' in chart
    assert "serper before 0.9, deployed 0.9; old one before 0.1, deployed 0.1; expected each above 0.85" in chart
    assert values(replace(result, evidence="no table")) == [] and values(replace(result, evidence="")) == []
