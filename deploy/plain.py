"""Text from elsewhere made safe to show: no secrets, no control characters, no endless lines."""

from __future__ import annotations

import re

from deploy.secret import mask

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# Controls, surrogates, and format characters: those that turn the reading direction, or are not seen at all. Joiners
# (U+200C, U+200D) are part of words and emoji, and stay.
HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f]"
)
MARKS = re.compile(r"([\\`*_{}\[\]<>|~#&])")


def clean(text: str) -> str:
    """The text without secrets, terminal sequences, control characters and marks that turn the reading direction."""
    broken = text.replace("\r\n", "\n").replace("\r", "\n")
    return mask(HIDDEN.sub("", ANSI.sub("", broken).expandtabs(4)))


def cut(text: str, limit: int = 20_000) -> str:
    """The text, cleaned, with its lines, of at most `limit` characters."""
    whole = clean(text)
    return whole if len(whole) <= limit else whole[: limit - 1] + "…"


def line(text: str, limit: int = 200) -> str:
    """The text, cleaned, as one line of at most `limit` characters."""
    return cut(" ".join(clean(text).split()), limit)


def lines(text: str, most: int = 6, limit: int = 200) -> list[str]:
    """The first lines of a text, cleaned and each cut at `limit`; the last one says how many more there are."""
    given = [row.rstrip() for row in clean(text).split("\n") if row.strip()]
    shown = [row if len(row) <= limit else row[: limit - 1] + "…" for row in given[:most]]
    return shown if len(given) <= most else [*shown, f"… {len(given) - most} more lines"]


def markdown(text: str, limit: int = 200) -> str:
    """One line in which no character means anything to Markdown or HTML."""
    return MARKS.sub(r"\\\1", line(text, limit))


def fenced(text: str, most: int = 40, limit: int = 500) -> str:
    """A code block that the text cannot close."""
    rows = lines(text, most, limit)
    ticks = "`" * max(3, 1 + max((len(run) for row in rows for run in re.findall("`+", row)), default=0))
    return "\n".join([f"{ticks}text", *rows, ticks])
