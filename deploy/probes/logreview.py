"""A review of all that was logged: by level, source and message template, with secrets and personal data found."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.leaks import PERSONAL, SECRETS, Patterns, filtering
from deploy.probes.reading import table, words
from deploy.probes.sh import globs, needs
from deploy.question import Output, Shell
from deploy.result import Verdict, failed, passed, unknown
from deploy.scope import Scope

SCRIPT = Path(__file__).with_name("review.sh")
GRAVE = ("WARNING", "WARN", "ERROR", "CRITICAL", "FATAL")  # whose new templates count
BY_MINUTE = timedelta(days=14)  # before the span looked at; what is older is kept by day
SHOWN = 40
MOST_HITS = 1000  # of one reading; so many are a finding in themselves
TIME = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:[0-9][0-9]"


class Review(Probe):
    """What was logged in the span looked at: few enough lines of each level, nothing new that is grave, nothing secret.

    Whole logs are read on their host, once: how far, and what was counted, is kept in the control folder there, so that
    only new bytes are read again. Rotated and compressed files count: name them by a pattern like `app.log*`. Times are
    read as UTC, to the minute; lines without a time belong to the line before. `new` are templates (messages, numbers
    and quoted words alike) of warnings and errors that were never logged before the span; null allows any.
    """

    name: ClassVar[str] = "logs.review"
    example: ClassVar[str] = "paths: ['{shared}/logs/extraction.log*']\nat_most: {ERROR: 0, CRITICAL: 0}\nnew: 0"
    paths: tuple[str, ...] = Field(min_length=1)
    at_most: Mapping[str, int] = {"ERROR": 0, "CRITICAL": 0}
    new: int | None = Field(None, ge=0)
    patterns: Patterns = {**SECRETS, **PERSONAL}
    allow: tuple[str, ...] = ()
    timeout: float = Field(600.0, gt=0)

    def ask(self, scope: Scope) -> Shell:
        since = scope.since.astimezone(UTC) if scope.since else None
        key = hashlib.sha256(repr((self.paths, sorted(self.patterns.items()), self.allow)).encode()).hexdigest()[:12]
        state = shlex.quote(scope.fill("{control}") + f"/logs/{key}")
        settings = [
            needs(
                "awk", "cat", "cksum", "dd", "grep", "gzip", "head", "mktemp", "mv", "sort", "stat", "tail", "tr", "wc"
            ),
            f"state={state} since={_minute(since)} oldest={_minute(since - BY_MINUTE if since else None)}",
            f'each() {{ for one in {globs(scope, *self.paths)}; do "$1" "$one"; done; }}',
            filtering(self.allow),
            self._scan(),
        ]
        return Shell("\n".join([*settings, SCRIPT.read_text(encoding="utf-8")]), timeout=self.timeout)

    def _scan(self) -> str:
        """The sh function `scan FILE OFFSET BYTES`: its hits as `h minute kind file offset`; never what was hit."""
        every = " ".join(f"-e {shlex.quote(text)}" for text in self.patterns.values())
        told = "\n".join(
            f'  printf \'%s\\n\' "$hits" | grep -aE -e {shlex.quote(text)} | where {shlex.quote(kind)} "$@"'
            for kind, text in self.patterns.items()
        )
        return f"""\
: | grep -aE {every}; [ $? -le 1 ] || exit 3
where() {{
  awk -v kind="$1" -v file="$2" -v start="$3" -v size="$4" '$0 + 0 < size + 0 {{
    minute = match($0, /{TIME}/) ? substr($0, RSTART, 10) "T" substr($0, RSTART + 11, 5) : "9999"
    print "h\\t" minute "\\t" kind "\\t" file "\\t" start + $0
  }}'
}}
scan() {{
  hits=$(grep -abE {every} | allowed | head -n {MOST_HITS})
  [ -n "$hits" ] || return 0
{told}
  return 0
}}"""

    @property
    def expected(self) -> str:
        levels = [f"at most {most} {level}" for level, most in self.at_most.items()]
        new = [] if self.new is None else [f"at most {self.new} new kinds of warnings and errors"]
        return ", ".join([*levels, *new, "no secret and no personal data"])

    def judge(self, output: Output) -> Verdict:
        rows = words(output)
        lines = [row[1:] for row in rows if row[0] == "line"]
        if not lines:
            return unknown(self.expected, "no log lines in the span looked at")
        counts = {row[1]: int(row[2]) for row in rows if row[0] == "level"}
        hits = [row[1:] for row in rows if row[0] == "hit"]
        known = any(row[0] == "earlier" and int(row[1]) for row in rows)
        fresh = [row for row in lines if row[1] == "new" and row[2] in GRAVE] if known else []
        bad = any(counts.get(level, 0) > most for level, most in self.at_most.items()) or bool(hits)
        bad = bad or (self.new is not None and len(fresh) > self.new)
        told = [f"{counts.get(level, 0)} {level}" for level in self.at_most]
        told += [f"{len(fresh)} new kinds" if known else "nothing before to compare with"]
        told += [f"{len(hits)} secrets or personal data"] if hits else []
        found = ", ".join([f"{sum(counts.values())} lines", *told])
        if not bad and self.new is not None and not known:
            return unknown(self.expected, found, _evidence(lines, hits, known))
        return (failed if bad else passed)(self.expected, found, _evidence(lines, hits, known))


def _evidence(lines: Sequence[Sequence[str]], hits: Sequence[Sequence[str]], known: bool) -> str:
    """Where something secret is, and what was logged most, the grave first; `known`: there is a before to compare."""
    places = [f"{file}, byte {offset}: {kind}" for kind, file, offset in hits[:SHOWN]]
    ordered = sorted(lines, key=lambda row: (row[2] not in GRAVE, -int(row[0])))
    cells = [
        (count, level or "-", source or "-", state if known else "-", text)
        for count, state, level, source, text in ordered
    ]
    return "\n".join([*places, table(("lines", "level", "source", "seen", "message"), cells[:SHOWN])])


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M}" if at else "0"
