"""Words of POSIX sh: parameters quoted, names filled in, and the one question that many scripts share."""

from __future__ import annotations

import re
import shlex

from deploy.scope import Scope

# Tells `there`, `missing`, `dangling` (a link to nothing) and `hidden` (a parent folder may not be searched) apart:
# `test -e` alone calls all but the first "no".
STATE = """
state() {
  if [ -e "$1" ]; then echo there
  elif [ -L "$1" ]; then echo dangling
  else
    parent=$1
    while [ ! -e "$parent" ] && [ "$parent" != / ]; do parent=$(dirname -- "$parent"); done
    if [ -d "$parent" ] && [ ! -x "$parent" ]; then echo hidden; else echo missing; fi
  fi
}
"""

# The nearest folder that exists: a volume can be measured before the folder on it has been made.
NEAREST = """
nearest() {
  place=$1
  while [ ! -e "$place" ] && [ "$place" != / ]; do place=$(dirname -- "$place"); done
  printf '%s\\n' "$place"
}
"""


def quote(scope: Scope, *texts: str) -> str:
    """The texts with their names filled in, each as one word of sh."""
    return " ".join(shlex.quote(scope.fill(text)) for text in texts)


def globs(scope: Scope, *texts: str) -> str:
    """Like `quote`, but `*` and `?` keep their meaning."""
    return " ".join("".join(_glob(part) for part in re.split(r"([*?])", scope.fill(text))) for text in texts)


def _glob(part: str) -> str:
    return part if part in ("*", "?", "") else shlex.quote(part)
