"""Log files on a host. `*` and `?` in their paths have their usual meaning."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, ClassVar

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.env import Name
from deploy.probes.leaks import PERSONAL, SECRETS, Patterns, filtering
from deploy.probes.reading import every, words
from deploy.probes.sh import globs, needs, quote
from deploy.question import Output, Shell
from deploy.result import Verdict, failed, judged, passed, unknown
from deploy.scope import Scope

Paths = tuple[str, ...]
MOST_LINES = 20_000  # of one file that are told one by one
MOST_BYTES = 32_000_000
DECODE = json.JSONDecoder().raw_decode

# Where in a large file the lines since then begin, in blocks of 64 KB and give or take some of them: at its beginning,
# or found by halves, as long as a half takes longer to read than to look for. Times in another zone than UTC cannot be
# compared as text, so such a file is read whole.
BEGIN = r"""
reading() {
  { [ "$2" -eq 0 ] || { dd bs=65536 skip="$2" count=0 2>/dev/null && IFS= read -r _; }
    shift 2; "$@"; } <"$1"
}
content() { reading "$1" "$2" cat; }
written() {
  reading "$1" "$2" awk -v since="$since" '
    match($0, /[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9][T ][0-9][0-9]:[0-9][0-9]:[0-9][0-9]/) {
      at = substr($0, RSTART, 16); sub(/ /, "T", at)
      zone = substr($0, RSTART + 19) ~ /^([.,][0-9]+)?[+-](0[1-9]|1[0-9])/
      print (zone ? "elsewhere" : at < since ? "before" : "after"); exit
    }
    NR > 200 { exit }'
}
begin() {
  start=0
  [ -n "$since" ] && [ "$(written "$1" 0)" = before ] || return 0
  low=0 high=$(($(wc -c <"$1") / 65536))
  middle=$((high - 32))  # first of all near its end: rotated files may all be older
  while [ "$((high - low))" -gt 32 ]; do
    case $(written "$1" "$middle") in elsewhere) return 0 ;; before) low=$middle ;; *) high=$middle ;; esac
    middle=$(((low + high) / 2))
  done
  start=$((low > 16 ? low - 16 : 0))
}"""


# What a command finds, as lines; that it found none is no trouble.
HITS = r"""
hits() {
  code=$({ { "$@"; echo $? >&3; } | sed 's/^/line	/' >&4; } 3>&1)
  [ "${code:-2}" -le 1 ] || exit 3
}"""


class Json(Probe):
    """Log lines are JSON objects with these fields; the newest lines of each file are read."""

    name: ClassVar[str] = "logs.json"
    example: ClassVar[str] = "paths: ['{shared}/logs/*.log']\nfields: [timestamp, level, message]"
    paths: Paths = Field(min_length=1)
    fields: tuple[str, ...] = ()
    share_at_least: float = Field(1.0, gt=0, le=1)
    lines: int = Field(1000, ge=1)

    def ask(self, scope: Scope) -> Shell:
        return Shell(each_file(scope, self.paths, f'tail -n {self.lines} -- "$file" || exit 3'))

    def judge(self, output: Output) -> Verdict:
        lines = [line for line in output.out.splitlines() if line.strip()]
        expected = f"at least {self.share_at_least:.0%} JSON lines" + f" with {', '.join(self.fields)}" * bool(
            self.fields
        )
        if not lines:
            return unknown(expected, "no log lines")
        odd = [n for n, line in enumerate(lines, 1) if not set(self.fields) <= set(parsed(line, ()))]
        share = 1 - len(odd) / len(lines)
        evidence = f"not so: lines {', '.join(map(str, odd[:20]))} of the {len(lines)} read" if odd else ""
        return judged(share >= self.share_at_least, expected, f"{share:.1%} of {len(lines)} lines", evidence)


class Clean(Probe):
    """No secret and no personal data in log files: hits are named by file, line and pattern, and never shown.

    `variables` are also looked for by their values, which stay on the host.
    """

    name: ClassVar[str] = "logs.clean"
    example: ClassVar[str] = "paths: ['{shared}/logs/*.log']\nallow: ['@example[.]org']\nvariables: [ANTHROPIC_API_KEY]"
    paths: Paths = Field(min_length=1)
    patterns: Patterns = {**SECRETS, **PERSONAL}
    allow: tuple[str, ...] = ()
    variables: tuple[Name, ...] = ()

    def ask(self, scope: Scope) -> Shell:
        scans = [f"scan {shlex.quote(name)} -E -e {shlex.quote(text)}" for name, text in self.patterns.items()]
        values = [
            f"if [ ${{#{name}}} -lt 8 ]; then printf 'unset\\t%s\\t0\\n' {name}\n"
            f"else printf '%s\\n' \"${name}\" | scan 'value of {name}' -F -f - || exit 3; fi"
            for name in self.variables
        ]
        body = "\n".join(['printf \'lines\\t%s\\t%s\\n\' "$file" "$(wc -l <"$file")"', *scans, *values])
        report = f"""{needs("grep", "sed", "wc")}
{filtering(self.allow)}
scan() {{
  kind=$1; shift
  hits=$(grep -an "$@" -- "$file")
  case $? in 0) ;; 1) return 0 ;; *) exit 3 ;; esac
  printf '%s\\n' "$hits" | allowed | sed 's/:.*//' |
    while IFS= read -r line; do printf '%s\\t%s\\t%s\\n' "$kind" "$file" "$line"; done
}}"""
        return Shell(f"{report}\n{each_file(scope, self.paths, body)}", app=bool(self.variables), timeout=60)

    def judge(self, output: Output) -> Verdict:
        expected, found = "no secret and no personal data", [line for line in words(output) if len(line) == 3]
        read = sum(int(count) for kind, _, count in found if kind == "lines")
        hits = [f"{file}:{line}: {kind}" for kind, file, line in found if kind not in ("lines", "unset")]
        unset = sorted({name for kind, name, _ in found if kind == "unset"})
        if hits:
            return failed(expected, f"{len(hits)} lines of {read}", "\n".join(hits[:50]))
        if not read or unset:
            return unknown(expected, f"not set here: {', '.join(unset)}" if unset else "no log lines")
        return passed(expected, f"none in {read} lines")


class Levels(Probe):
    """Few enough log lines of each level, in the span looked at; the evidence counts them by message.

    Large files are read from the span's beginning on, which is searched for: logs are in the order of time. Where more
    lines come than can be told one by one, they are too many, or for logs.review to judge.
    """

    name: ClassVar[str] = "logs.levels"
    example: ClassVar[str] = "paths: ['{shared}/logs/*.log']\nat_most: {ERROR: 0, WARNING: 10}"
    paths: Paths = Field(min_length=1)
    at_most: Mapping[str, int] = Field(min_length=1)

    def ask(self, scope: Scope) -> Shell:
        since = scope.since.astimezone(UTC) if scope.since else None
        pattern = f"-aEh -m {MOST_LINES} -e " + shlex.quote("|".join(map(re.escape, self.at_most)))
        body = f"""printf 'last\\t%s\\n' "$(tail -n 1 -- "$file")"
begin "$file"
if [ "$start" -eq 0 ]; then set -- "$@" "$file"; else hits reading "$file" "$start" grep {pattern}; fi"""
        told = f"{since:%Y-%m-%dT%H:%M}" if since else ""
        head = f"{needs('awk', 'dd', 'grep', 'sed', 'tail', 'wc')}\nsince={told}\nexec 4>&1\n{BEGIN}\n{HITS}\nset --"
        span = f"printf 'since\\t%s\\n' '{since.isoformat() if since else ''}'"
        whole = f'[ $# -eq 0 ] || hits grep {pattern} -- "$@"'
        script = "\n".join([head, span, each_file(scope, self.paths, body), whole])
        return Shell(script, timeout=120, limit=MOST_BYTES)

    def judge(self, output: Output) -> Verdict:
        expected = ", ".join(f"at most {most} {level}" for level, most in self.at_most.items())
        kinds = [line.partition("\t")[::2] for line in output.out.splitlines()]
        since = next((datetime.fromisoformat(text) for kind, text in kinds if kind == "since" and text), None)
        if not any(kind == "last" and text.strip() and not written_before(text, since) for kind, text in kinds):
            return unknown(expected, f"no log lines since {since:%Y-%m-%d %H:%M}" if since else "no log lines")
        lines = [text for kind, text in kinds if kind == "line"]
        seen = [_level(text, self.at_most) for text in lines if not written_before(text, since)]
        counts, messages = Counter(level for level, _ in seen), Counter(seen)
        found = ", ".join(f"{counts[level]} {level}" for level in self.at_most)
        evidence = "\n".join(f"{n} x {level}: {message}" for (level, message), n in messages.most_common(20) if level)
        holds = all(counts[level] <= most for level, most in self.at_most.items())
        if holds and len(lines) >= MOST_LINES:
            return unknown(expected, f"{found} at least: too many lines to read them all", evidence)
        return judged(holds, expected, found, evidence)


class Rotated(Probe):
    """A rotation policy names every log file: one of logrotate's configuration files has a pattern for it."""

    name: ClassVar[str] = "logs.rotated"
    example: ClassVar[str] = "paths: ['{shared}/logs/extraction.log']"
    paths: Paths = Field(min_length=1)
    policies: Paths = Field(("/etc/logrotate.conf", "/etc/logrotate.d/*"), min_length=1)

    def ask(self, scope: Scope) -> Shell:
        wanted = f"for path in {quote(scope, *self.paths)}; do printf 'path\\t%s\\n' \"$path\"; done"
        body = """sed 's/^/policy	/' <"$file" || exit 3"""
        return Shell(f"{wanted}\n{each_file(scope, self.policies, body)}")

    def judge(self, output: Output) -> Verdict:
        kinds = [line.partition("\t")[::2] for line in output.out.splitlines()]
        policy = "\n".join(text for kind, text in kinds if kind == "policy" and not text.lstrip().startswith("#"))
        if not policy.strip():
            return unknown("a rotation policy", "no configuration of logrotate is here")
        patterns = [word.strip("\"'") for block in re.findall(r"([^{}]*)\{", policy) for word in block.split()]
        paths = [path for kind, path in kinds if kind == "path"]
        named = {path for path in paths if any(PurePosixPath(path).match(pattern) for pattern in patterns)}
        return every("a rotation policy", [("rotated" if p in named else "not rotated", p) for p in paths], {"rotated"})


def each_file(scope: Scope, paths: Paths, body: str) -> str:
    """A loop over the files that there are; one that may not be read spoils the answer."""
    return f"""for file in {globs(scope, *paths)}; do
  [ -e "$file" ] || continue
  [ -r "$file" ] || exit 3
  {body}
done"""


def parsed(line: str, otherwise: Any) -> Any:
    """The JSON object that a line is; as json.loads finds it, in two thirds of the time."""
    text = line.strip(" \t\r\n")
    try:
        found, end = DECODE(text)
    except ValueError:
        return otherwise
    return found if end == len(text) and isinstance(found, dict) else otherwise


TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")


def written_before(line: str, since: datetime | None) -> bool:
    """Whether a line was surely written before then: one without a time counts as new, one without a zone is UTC."""
    match = TIME.search(line)
    if since is None or not match:
        return False
    try:
        written = datetime.fromisoformat(match[0].replace(",", "."))
    except ValueError:
        return False
    return (written if written.tzinfo else written.replace(tzinfo=UTC)) < since


def _level(line: str, levels: Mapping[str, int]) -> tuple[str, str]:
    """Level and message of a line; numbers in the message are alike. No level where the word only occurs in it."""
    record = parsed(line, {})
    level, message = str(record.get("level", "")), str(record.get("message", ""))
    if not record:
        match = re.search(rf"\b({'|'.join(map(re.escape, levels))})\b", line)
        level, message = match[1] if match else "", TIME.sub("", line)
    return (level if level in levels else "", _alike(message))


@lru_cache(1000)
def _alike(message: str) -> str:
    """What is said by messages that differ in numbers only; the same ones come again and again."""
    return re.sub(r"\d+", "#", message).strip()[:160]
