"""Words of POSIX sh: parameters quoted, names filled in, and the one question that many scripts share."""

from __future__ import annotations

import re
import shlex

from deploy.scope import Scope

# Tells `there`, `missing`, `dangling` (a link to nothing) and `permission denied` (to search a parent folder) apart:
# `test -e` alone calls all but the first "no".
STATE = """
state() {
  if [ -e "$1" ]; then echo there
  elif [ -L "$1" ]; then echo dangling
  else
    parent=$1
    while [ ! -e "$parent" ] && [ "$parent" != / ]; do parent=$(dirname -- "$parent") || exit 127; done
    if [ -d "$parent" ] && [ ! -x "$parent" ]; then echo 'permission denied'; else echo missing; fi
  fi
}
"""

# The volume of a path is that of its nearest folder: it can be measured before the path itself has been made.
VOLUME = """
place={path}
while [ ! -e "$place" ] && [ "$place" != / ]; do place=$(dirname -- "$place") || exit 127; done
[ "$place" = {path} ] || [ -x "$place" ] || {{ echo "$place: Permission denied" >&2; exit 3; }}
df -P -k -- "$place"
"""


def needs(*tools: str) -> str:
    """A line that ends the script where a tool is missing: in a pipeline, nobody would notice."""
    words = " ".join(tools)
    return (
        f'for tool in {words}; do command -v "$tool" >/dev/null || {{ echo "$tool: not found" >&2; exit 127; }}; done'
    )


def quote(scope: Scope, *texts: str) -> str:
    """The texts with their names filled in, each as one word of sh."""
    return " ".join(shlex.quote(scope.fill(text)) for text in texts)


def globs(scope: Scope, *texts: str) -> str:
    """Like `quote`, but `*` and `?` keep their meaning."""
    return " ".join("".join(_glob(part) for part in re.split(r"([*?])", scope.fill(text))) for text in texts)


def _glob(part: str) -> str:
    return part if part in ("*", "?", "") else shlex.quote(part)


def volume(scope: Scope, path: str) -> str:
    """A script that tells the free space of the volume that a path is on, or will be on."""
    return VOLUME.format(path=quote(scope, path))
