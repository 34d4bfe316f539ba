from datetime import timedelta

import pytest

from deploy import duration
from deploy.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", timedelta(seconds=30)),
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(hours=24)),
        (" 7d ", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_one_number_and_one_unit(text: str, span: timedelta) -> None:
    assert duration.parse(text) == span


@pytest.mark.parametrize("text", ["", "1week", "1h30m", "h", "24", "-1h", "0h", "1.5h", "1 h", "1H", "٣h", "9999999d"])
def test_anything_else_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(ConfigError, match="90m, 24h, 7d or 2w"):
        duration.parse(text)


@pytest.mark.parametrize(
    ("span", "text"), [("60m", "1h"), ("90m", "90m"), ("24h", "1d"), ("2w", "14d"), ("61s", "61s")]
)
def test_a_span_is_told_in_its_largest_whole_unit(span: str, text: str) -> None:
    assert duration.text(duration.parse(span)) == text


def test_no_time_at_all_is_told_in_seconds() -> None:
    assert duration.text(timedelta()) == "0s"
