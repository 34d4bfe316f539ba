from typing import Any

import pytest

from engine.extraction import health

GOOD = {"source": "serper", "raw": 24, "extracted": 24, "unprocessed": 0}
NO_LLM = {"rows": 0, "counted": 0, "input_tokens": 0, "output_tokens": 0}
FAILURE = {"source": "serper", "error_message": "the answer does not use the tool", "retry_count": 1}


def numbers(**changed: Any) -> health.Health:
    given = {"sources": [GOOD], "nulls": {"city": 4.0}, "failures": [], "conflicts": 0, "llm": NO_LLM}
    return health.Health(**{**given, **changed})


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "HEALTHY"), (1, "WARNING"), (9, "WARNING"), (10, "CRITICAL"), (99, "CRITICAL")]
)
def test_smaller_is_better(value: int, expected: str) -> None:
    assert health.rising(value, (1, 10)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(100.0, "HEALTHY"), (85.1, "HEALTHY"), (85.0, "WARNING"), (60.1, "WARNING"), (60.0, "CRITICAL")],
)
def test_larger_is_better(value: float, expected: str) -> None:
    assert health.falling(value, health.SUCCESS_RATE) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"failures": [FAILURE]}, "WARNING"),
        ({"failures": [FAILURE] * 10}, "CRITICAL"),
        ({"conflicts": 1}, "WARNING"),
        ({"conflicts": 10}, "CRITICAL"),
        ({"sources": [{**GOOD, "extracted": 20}]}, "WARNING"),
        ({"sources": [{**GOOD, "extracted": 10}]}, "CRITICAL"),
        ({"sources": [{**GOOD, "unprocessed": 1}]}, "WARNING"),
        ({"sources": [{**GOOD, "raw": 1000, "extracted": 950, "unprocessed": 50}]}, "CRITICAL"),
        ({"conflicts": 1, "failures": [FAILURE] * 10}, "CRITICAL"),
    ],
)
def test_the_status_is_the_worst_verdict(changed: dict[str, Any], expected: str) -> None:
    assert numbers(**changed).status == expected


def test_a_source_without_raw_items_has_no_success() -> None:
    assert health.success_rate({"raw": 0, "extracted": 3}) == 0.0


def test_the_blocks_come_in_their_order() -> None:
    text = health.render(numbers(), colour=False)
    titles = [
        "SUMMARY",
        "SUCCESS RATE BY SOURCE",
        "UNPROCESSED BY SOURCE",
        "FIELD NULL RATES",
        "RECENT FAILURES",
        "LLM USAGE",
    ]
    assert [line for line in text.splitlines() if line in titles] == titles
    assert max(map(len, text.splitlines())) <= health.WIDTH


def test_the_status_is_coloured_on_request() -> None:
    assert "\033[92m" in health.render(numbers(), colour=True)
    assert "\033[" not in health.render(numbers(), colour=False)


def test_rows_without_usage_are_noted() -> None:
    text = health.render(numbers(llm={**NO_LLM, "rows": 3, "counted": 1}), colour=False)
    assert "Note: 2 have no usage data" in text


def test_lists_are_cut() -> None:
    text = health.render(numbers(failures=[FAILURE] * 12), colour=False, max_failures=3)
    assert text.count("retried 1") == 3
    assert "Recent Failures: 12" in text
