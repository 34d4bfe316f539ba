"""Values that must never be seen: they print as `***`, and every text we emit is masked of them."""

from __future__ import annotations

import functools
import json
import re
from urllib.parse import quote, unquote, urlsplit

MASK = "***"
_known: set[str] = set()
SHORTEST = 4  # masking shorter values would blot out ordinary words


class Secret:
    """A value that prints as `***`; `reveal()` is the one way to read it.

    Creating one registers its value, its URL-quoted form and, for a URL, its password, so that `mask` finds them in
    any text that reaches a person, a file or an exception.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret is never pickled")


def remember(value: str) -> None:
    """Have `mask` hide this value from now on, with the forms in which it may be seen again."""
    forms = {value, quote(value, safe=""), *(json.dumps(value, ensure_ascii=e)[1:-1] for e in (True, False))}
    forms.add(value.replace("'", "'\"'\"'"))  # as a shell quotes it
    if "://" in value:
        password = urlsplit(value).password or ""
        forms |= {password, unquote(password)}
    _known.update(form for form in forms if len(form) >= SHORTEST)
    _pattern.cache_clear()


@functools.cache
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join(re.escape(value) for value in sorted(_known, key=len, reverse=True)))


def mask(text: str) -> str:
    """The text with every known secret replaced by `***`, the longest first."""
    return _pattern().sub(MASK, text) if _known else text
