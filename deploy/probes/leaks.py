"""What secrets and personal data look like, as POSIX extended regular expressions by name."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

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

Patterns = Annotated[Mapping[str, str], Field(min_length=1)]


def filtering(allow: tuple[str, ...]) -> str:
    """An sh function `allowed` that drops the lines matching any of the expressions; a wrong one ends the script."""
    words = " ".join(f"-e {shlex.quote(one)}" for one in allow)
    drop = f"grep -vE {words}" if allow else "cat"
    return f"allowed() {{ {drop}; }}\n: | allowed; [ $? -le 1 ] || exit 3"
