"""What a value may be: strict and non-strict limits are different words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from deploy.result import Verdict, failed, passed, unknown

Plain = bool | int | float | str


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


Regex = Annotated[str, AfterValidator(_compiles)]


class Limits(BaseModel):
    """Bounds of a number, or the values it may have; text is judged by `equals` and `one_of`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    above: Decimal | None = None
    below: Decimal | None = None
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    equals: Plain | None = None
    one_of: tuple[Plain, ...] | None = Field(None, min_length=1)

    def bounded(self) -> bool:
        """Whether any bound was given at all."""
        return any(getattr(self, name) is not None for name in Limits.model_fields)

    def holds(self, value: object) -> bool:
        """Whether the value keeps to every bound. Raises ValueError when it cannot be judged (NULL, NaN, no number)."""
        return all(list(self._checks(value)))

    def _checks(self, value: object) -> Iterator[bool]:
        if value is None:
            raise ValueError("NULL")
        if isinstance(value, float | Decimal) and not math.isfinite(value):
            raise ValueError(str(value))
        for limit, keeps in self._limits():
            yield keeps(number(value), limit)
        if self.equals is not None:
            yield same(value, self.equals)
        if self.one_of is not None:
            yield any(same(value, one) for one in self.one_of)

    def _limits(self) -> Iterator[tuple[Decimal, Any]]:
        if self.above is not None:
            yield self.above, Decimal.__gt__
        if self.below is not None:
            yield self.below, Decimal.__lt__
        if self.at_least is not None:
            yield self.at_least, Decimal.__ge__
        if self.at_most is not None:
            yield self.at_most, Decimal.__le__

    def text(self, unit: str = "") -> str:
        """The bounds in words: `above 0.85`, `at least 1 and at most 10`."""
        words = [
            f"{name.replace('_', ' ')} {limit}{unit}"
            for name in ("above", "below", "at_least", "at_most")
            if (limit := getattr(self, name)) is not None
        ]
        words += [f"equal to {self.equals}{unit}"] if self.equals is not None else []
        words += [f"one of {', '.join(map(str, self.one_of))}"] if self.one_of is not None else []
        return " and ".join(words)

    def verdict(self, value: object, unit: str = "", evidence: str = "") -> Verdict:
        """The judgement of one value; what cannot be judged is unknown."""
        expected = self.text(unit)
        try:
            holds = self.holds(value)
        except ValueError as error:
            return unknown(expected, f"no value to judge: {error}", evidence)
        return (passed if holds else failed)(expected, f"{shown(value)}{unit}", evidence)


class Bounds(Limits):
    """Limits, and a regular expression that the value's text must match somewhere."""

    matches: Regex | None = None

    def bounded(self) -> bool:
        return super().bounded() or self.matches is not None

    def _checks(self, value: object) -> Iterator[bool]:
        yield from super()._checks(value)
        if self.matches is not None:
            yield re.search(self.matches, str(value)) is not None

    def text(self, unit: str = "") -> str:
        matching = [f"matching /{self.matches}/"] if self.matches is not None else []
        return " and ".join([*filter(None, [super().text(unit)]), *matching])


class Bounded(Bounds):
    """Bounds of which at least one is given: without any, everything would pass."""

    @model_validator(mode="after")
    def _some_bound(self) -> Bounded:
        if not self.bounded():
            raise ValueError(f"a bound is missing; write one of {', '.join(Bounds.model_fields)}")
        return self


def number(value: object) -> Decimal:
    """The value as an exact decimal: 0.85 from YAML equals 0.85 from SQL. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError(f"{value!r} is not a number")
    try:
        exact = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not exact.is_finite():
        raise ValueError(f"{value} is not a number")
    return exact


def same(value: object, wanted: Plain) -> bool:
    """Whether a value is the wanted one: numbers by size, everything else by its text, truth by true and false."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return str(value).lower() == str(wanted).lower()
    if isinstance(wanted, int | float):
        try:
            return number(value) == number(wanted)
        except ValueError:
            return False
    return str(value) == wanted


def shown(value: object) -> str:
    """A value for people: long fractions cut to six digits, NULL named."""
    if value is None:
        return "NULL"
    if isinstance(value, float | Decimal):
        text = f"{value:.6f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
    return str(value)


def version(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: `3.12.1rc1` is (3, 12, 1). Raises ValueError for none."""
    match = re.match(r"\d+(\.\d+)*", text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a version")
    return tuple(int(part) for part in match[0].split("."))
