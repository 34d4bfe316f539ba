"""The environment as the application sees it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from deploy.probes.base import Probe
from deploy.probes.reading import every, words
from deploy.probes.sh import needs, quote
from deploy.question import Output, Shell
from deploy.result import Verdict
from deploy.scope import Scope

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
PLACEHOLDERS = [
    "*your_*",
    "*your-*",
    "*_here",
    "*changeme*",
    "*change_me*",
    "*change-me*",
    "*placeholder*",
    "<*>",
    "xxx*",
    "todo",
    "example",
]


class Set(Probe):
    """Every variable is set, is no placeholder, and starts as it should; no value leaves the host."""

    name: ClassVar[str] = "env.set"
    example: ClassVar[str] = "names: [DATABASE_URL]\nstarts_with: ['postgresql://', 'postgres://']"
    names: tuple[Name, ...] = Field(min_length=1)
    starts_with: tuple[str, ...] = ()

    def ask(self, scope: Scope) -> Shell:
        fakes = "|".join(_any_case(pattern) for pattern in PLACEHOLDERS)
        starts = "|".join(f"{quote(scope, start)}*" for start in self.starts_with) or "*"
        branches = f"'') is=unset ;; {fakes}) is=placeholder ;; {starts}) is=set ;; *) is='starts otherwise' ;;"
        lines = [f'case "${{{n}-}}" in {branches} esac\nprintf \'%s\\t%s\\n\' "$is" {n}' for n in self.names]
        return Shell("\n".join(lines), app=True)

    def judge(self, output: Output) -> Verdict:
        starting = f", starting with {' or '.join(self.starts_with)}" if self.starts_with else ""
        return every(f"set{starting}", words(output), {"set"})


class File(Probe):
    """A `.env` sets every key of its example, and no value is a placeholder or broken; no value leaves the host.

    Keys of `names` must be set as well; those of `may_be_empty` need no value, `shortest` tells the least characters
    of a value. A byte order mark, Windows line ends, quotes and `export` are read as Compose reads them.
    """

    name: ClassVar[str] = "env.file"
    example: ClassVar[str] = "path: '{shared}/.env'\nexample: '{release}/.env.example'\nmay_be_empty: [REDIS_PASSWORD]"
    path: str
    example_file: str | None = Field(None, alias="example")
    names: tuple[Name, ...] = ()
    may_be_empty: tuple[Name, ...] = ()
    shortest: Mapping[Name, int] = {}

    @model_validator(mode="after")
    def _something(self) -> File:
        if not self.names and not self.example_file:
            raise ValueError("write `example`, `names`, or both")
        return self

    def ask(self, scope: Scope) -> Shell:
        shortest = " ".join(f"{name}={least}" for name, least in self.shortest.items())
        fakes = "|".join(re.escape(pattern).replace(r"\*", ".*").replace(r"\-", "-") for pattern in PLACEHOLDERS)
        given = {"NAMES": " ".join(self.names), "EMPTY": " ".join(self.may_be_empty), "SHORTEST": shortest}
        lines = [f"{key}={shlex.quote(text)}; export {key}" for key, text in {**given, "FAKE": f"^({fakes})$"}.items()]
        example = quote(scope, self.example_file) if self.example_file else "/dev/null"
        call = f"LC_ALL=C awk '{READ}' {quote(scope, self.path)} example=1 {example} || exit 3"
        there = f"[ -r {quote(scope, self.path)} ] || {{ cat -- {quote(scope, self.path)} >/dev/null; exit 3; }}"
        return Shell("\n".join([needs("awk", "cat"), there, *lines, call]))

    def judge(self, output: Output) -> Verdict:
        return every("set, and no placeholder", words(output), {"set", "empty, as it may be"})


READ = r"""
function trim(text) { sub(/^[ \t]+/, "", text); sub(/[ \t]+$/, "", text); return text }
function plain(text, mark, end) {
  mark = substr(text, 1, 1)
  if (mark != "\"" && mark != "\047") { sub(/[ \t]#.*$/, "", text); sub(/^#.*$/, "", text); return trim(text) }
  end = index(substr(text, 2), mark)
  if (!end) { broken = 1; return "" }
  return substr(text, 2, end - 1)
}
function state(key) {
  if (!(key in value)) return "missing"
  if (bad[key]) return "unclosed quote"
  if (value[key] == "") return index(" " ENVIRON["EMPTY"] " ", " " key " ") ? "empty, as it may be" : "empty"
  if (tolower(value[key]) ~ ENVIRON["FAKE"]) return "placeholder"
  return length(value[key]) < least[key] ? "shorter than " least[key] : "set"
}
FNR == 1 { sub(/^\357\273\277/, "") }
{ sub(/\r$/, ""); line = trim($0); sub(/^export[ \t]+/, "", line) }
line ~ /^[A-Za-z_][A-Za-z0-9_]*[ \t]*=/ {
  at = index(line, "="); key = trim(substr(line, 1, at - 1))
  if (example) { if (!(key in wanted)) order[++count] = key; wanted[key] = 1; next }
  broken = 0; value[key] = plain(trim(substr(line, at + 1))); bad[key] = broken
}
END {
  n = split(ENVIRON["NAMES"], names, " ")
  for (i = 1; i <= n; i++) { if (!(names[i] in wanted)) order[++count] = names[i]; wanted[names[i]] = 1 }
  n = split(ENVIRON["SHORTEST"], pairs, " ")
  for (i = 1; i <= n; i++) { split(pairs[i], pair, "="); least[pair[1]] = pair[2] + 0 }
  for (i = 1; i <= count; i++) print state(order[i]) "\t" order[i]
}
"""


def _any_case(pattern: str) -> str:
    """A pattern of `case` for any mixture of capitals; marks that mean something to sh are quoted."""
    return "".join(f"[{c}{c.upper()}]" if c.isalpha() else c if c == "*" else f"'{c}'" for c in pattern)
