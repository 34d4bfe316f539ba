"""What secrets and personal data look like, as POSIX extended regular expressions by name."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

SECRETS = {
    "anthropic key": "sk-ant-[A-Za-z0-9_-]{20,}",
    "aws key": "(AKIA|ASIA)[0-9A-Z]{16}",
    "github token": "gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}",
    "google key": "AIza[0-9A-Za-z_-]{35}",
    "slack token": "xox[abeprs]-[A-Za-z0-9-]{10,}",
    "private key": "-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "password in a URL": "[a-z][a-z0-9+]*://[^]:/@ $<{}\"'[]*:[^]/@ $<{}*\"'[]{4,}@",
    "quoted key": "([Aa](pi|PI)_?[Kk](ey|EY)|[Ss](ecret|ECRET)|[Tt](oken|OKEN)|[Pp](assword|ASSWORD))"
    "[A-Za-z_]*[\"']? *[:=] *[\"'][A-Za-z0-9/+_-]{20,}[\"']",
}
PERSONAL = {"e-mail address": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}"}

BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]")


def _separate(patterns: Mapping[str, str]) -> Mapping[str, str]:
    """Each pattern can be joined to others by `|`: none refers to its groups by number, which POSIX has not anyway."""
    for name, text in patterns.items():
        if BACK_REFERENCE.search(text):
            raise ValueError(f"{name}: POSIX extended expressions have no back-references")
    return patterns


Patterns = Annotated[Mapping[str, str], Field(min_length=1), AfterValidator(_separate)]


def filtering(allow: tuple[str, ...]) -> str:
    """An sh function `allowed` that drops the lines matching any of the expressions; a wrong one ends the script."""
    words = " ".join(f"-e {shlex.quote(one)}" for one in allow)
    drop = f"grep -vE {words}" if allow else "cat"
    return f"allowed() {{ {drop}; }}\n: | allowed; [ $? -le 1 ] || exit 3"
