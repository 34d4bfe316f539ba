"""Whether a name is somebody's: owners of waivers and people who sign must be real, not left to be filled in."""

from __future__ import annotations

import re

NOBODY = re.compile(
    r"anon(ymous)?|changeme|fixme|me|n/?a|name|nobody|none|null|owner|placeholder|root|some(body|one)|team|test"
    r"|tb[acd]|todo|unknown|user|who|x+"
)
TEMPLATE = re.compile(r"[<\[{(].*[>\]})]|(?:.*\s)?your[ _-].*", re.I | re.S)


def is_person(name: str) -> bool:
    """Whether a text could name a person: it has two letters at least and is no placeholder."""
    plain = name.strip().strip(".:?!_- ").casefold()
    filled_in = not NOBODY.fullmatch(plain) and not TEMPLATE.fullmatch(name.strip())
    return sum(map(str.isalpha, plain)) >= 2 and filled_in
