"""Text from elsewhere as a page shows it: no secrets, what is hidden made visible, cut with its size told."""

from __future__ import annotations

from deploy.plain import HIDDEN
from deploy.secret import mask

PICTURES = 0x2400  # the first of Unicode's pictures of control characters: ␀, ␁, …


def visible(text: str, limit: int = 2000) -> str:
    """The text with each hidden character as a sign that can be seen; of a longer one, how much is left out."""
    whole = mask(text.replace("\r\n", "\n"))
    shown = HIDDEN.sub(lambda found: sign(found[0]), whole[:limit].expandtabs(4))
    if len(whole) <= limit:
        return shown
    return f"{shown}… (cut: {limit:,} of {len(whole):,} characters are shown)"


def sign(character: str) -> str:
    """`␛` for the escape character, `⟨U+202E⟩` for what has no picture."""
    code = ord(character)
    if code < 0x20:
        return chr(PICTURES + code)
    return "\u2421" if code == 0x7F else f"⟨U+{code:04X}⟩"
