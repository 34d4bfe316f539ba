"""Secrets: never printed, found in any text in whichever form they come."""

from __future__ import annotations

import json
import pickle
import shlex
from urllib.parse import quote

import pytest

from deploy.secret import MASK, Secret, mask


def test_it_prints_as_stars_everywhere() -> None:
    secret = Secret("print-me-never")
    assert {str(secret), f"{secret}", f"{secret:>3}", "%s" % secret} == {MASK}  # noqa: UP031
    assert "print-me-never" not in repr({"key": secret})
    assert secret.reveal() == "print-me-never"


def test_it_is_compared_by_value_and_never_pickled() -> None:
    assert Secret("same-value") == Secret("same-value") != Secret("other-value")
    assert Secret("same-value") != "same-value"
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(Secret("same-value"))


@pytest.mark.parametrize("value", ["plain-password", "p@ss/w:rd", 'it\'s "quoted" \\ ünï'])
def test_every_form_of_a_secret_is_masked(value: str) -> None:
    Secret(value)
    for form in (
        value,
        quote(value, safe=""),
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        shlex.quote(value),
    ):
        assert mask(f"before {form} after").strip("\"'").startswith("before")
        assert value not in mask(form) and form.strip("\"'") not in mask(f"<{form}>")


def test_the_password_of_a_url_is_a_secret_too() -> None:
    Secret("postgresql://user:s%40cret-pw@host/db")
    assert mask("password s@cret-pw, or s%40cret-pw") == f"password {MASK}, or {MASK}"


def test_the_longest_secret_is_masked_first() -> None:
    Secret("abcdef-long")
    Secret("abcdef")
    assert mask("abcdef-long") == MASK


def test_values_too_short_to_be_told_from_words_are_left() -> None:
    Secret("of")
    assert mask("one of many") == "one of many"
