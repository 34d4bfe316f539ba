"""Files and folders on a host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deploy.probes.base import Probe
from deploy.probes.bounds import Bounded, Regex
from deploy.probes.reading import every, words
from deploy.probes.sh import STATE, needs, quote, volume
from deploy.question import Output, Shell
from deploy.result import Verdict, judged, unknown
from deploy.scope import Scope

Paths = tuple[str, ...]


class Exists(Probe):
    """Every path is there and, unless told otherwise, is not empty."""

    name: ClassVar[str] = "files.exists"
    example: ClassVar[str] = "paths: ['{release}/engine/config/extraction.yaml']"
    paths: Paths = Field(min_length=1)
    non_empty: bool = True

    def ask(self, scope: Scope) -> Shell:
        return Shell(f"""{STATE}
for path in {quote(scope, *self.paths)}; do
  is=$(state "$path") || exit 127
  if [ "$is" = there ] && [ -d "$path" ] && [ ! -r "$path" ]; then is='permission denied'
  elif [ "$is" = there ] && [ -d "$path" ]; then
    inside=$(ls -A -- "$path") || exit 3
    [ -n "$inside" ] || is=empty
  elif [ "$is" = there ] && [ ! -s "$path" ]; then is=empty; fi
  printf '%s\\t%s\\n' "$is" "$path"
done""")

    def judge(self, output: Output) -> Verdict:
        good = {"there"} if self.non_empty else {"there", "empty"}
        return every("there" + " and not empty" * self.non_empty, words(output), good, {"permission denied"})


class Mode(Probe):
    """No file gives more rights than it may (a link counts as what it points to)."""

    name: ClassVar[str] = "files.mode"
    example: ClassVar[str] = "paths: ['{shared}/.env']\nat_most: '0640'"
    paths: Paths = Field(min_length=1)
    at_most: str = Field(pattern=r"^0?[0-7]{3}$")

    def ask(self, scope: Scope) -> Shell:
        return Shell(f"""for path in {quote(scope, *self.paths)}; do
  line=$(ls -ldL -- "$path") || exit 3
  printf '%s\\t%s\\n' "$line" "$path"
done""")

    def judge(self, output: Output) -> Verdict:
        most = int(self.at_most, 8)
        modes = [(mode_of(line), path) for line, path in words(output)]
        states = [("kept" if not mode & ~most else f"{mode:04o}", path) for mode, path in modes]
        return every(f"at most {self.at_most}", states, {"kept"})


class Writable(Probe):
    """The user who asks may write to every path (into it, where it is a folder)."""

    name: ClassVar[str] = "files.writable"
    example: ClassVar[str] = "paths: ['{shared}/raw', '{shared}/logs']"
    paths: Paths = Field(min_length=1)

    def ask(self, scope: Scope) -> Shell:
        return Shell(f"""{STATE}
for path in {quote(scope, *self.paths)}; do
  is=$(state "$path") || exit 127
  if [ "$is" = there ] && [ -w "$path" ] && {{ [ ! -d "$path" ] || [ -x "$path" ]; }}; then is=writable
  elif [ "$is" = there ]; then is="not writable"; fi
  printf '%s\\t%s\\n' "$is" "$path"
done""")

    def judge(self, output: Output) -> Verdict:
        return every("writable", words(output), {"writable"}, {"permission denied"})


class Contains(Probe):
    """A file has a line that matches, or with `absent` has none; lines are named by number, never shown."""

    name: ClassVar[str] = "files.contains"
    example: ClassVar[str] = "path: '{release}/README.md'\nmatches: '^## Rollback'"
    path: str
    matches: Regex
    absent: bool = False

    def ask(self, scope: Scope) -> Shell:
        return Shell(f"cat -- {quote(scope, self.path)}")

    def judge(self, output: Output) -> Verdict:
        expected = f"{'no line' if self.absent else 'a line'} matching /{self.matches}/"
        if not output.out.strip():
            return unknown(expected, "the file is empty")
        hits = [n for n, line in enumerate(output.out.splitlines(), 1) if re.search(self.matches, line)]
        found = f"line {', '.join(map(str, hits[:10]))}" if hits else "no such line"
        return judged(bool(hits) is not self.absent, expected, found)


class Same(Probe):
    """Two files have the same content."""

    name: ClassVar[str] = "files.same"
    example: ClassVar[str] = "paths: ['{release}/engine/schema.prisma', '{release}/web/prisma/schema.prisma']"
    paths: Paths = Field(min_length=2, max_length=2)

    def ask(self, scope: Scope) -> Shell:
        return Shell(f"cmp -- {quote(scope, *self.paths)}", exits=frozenset({0, 1}))

    def judge(self, output: Output) -> Verdict:
        return judged(output.exit == 0, "the same content", "differs" if output.exit else "the same", output.out)


class Expected(BaseModel):
    """What a file must be without its carriage returns: its size in bytes, its sha256."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    size: int | None = Field(None, ge=0)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")


class Content(Probe):
    """Every file has the content it should have, whichever line endings it was checked out with.

    Expected is what stands here for each file, what a manifest says (lines of `sha256sum`), or just that it is there.
    """

    name: ClassVar[str] = "files.content"
    example: ClassVar[str] = "folder: '{release}'\nfiles: {src/db_pool.py: {size: 4207}}\nmanifest: CONTENT.sha256"
    folder: str = "{release}"
    files: Mapping[str, Expected] = {}
    manifest: str | None = None

    @model_validator(mode="after")
    def _something(self) -> Content:
        if not self.files and not self.manifest:
            raise ValueError("write `files`, `manifest`, or both")
        return self

    def ask(self, scope: Scope) -> Shell:
        manifest = f"expected <{quote(scope, self.manifest)} || exit 3" if self.manifest else ""
        files = f'for path in {quote(scope, *self.files)}; do content - "$path"; done' if self.files else ""
        start = f"{STATE}{needs('tr', 'wc', 'sha256sum')}\ncd {quote(scope, self.folder)} || exit 3"
        return Shell("\n".join([start, CONTENT, manifest, files]))

    def judge(self, output: Output) -> Verdict:
        return every("the content expected", [self._state(*line) for line in words(output)], {"as expected"}, UNSEEN)

    def _state(self, wanted: str, path: str, is_: str, size: str = "", sha256: str = "") -> tuple[str, str]:
        mine = self.files.get(path, Expected()) if wanted == "-" else Expected(sha256=wanted)
        if is_ != "there":
            return is_, path
        if mine.size not in (None, int(size)):
            return f"{size} bytes, not {mine.size}", path
        return ("as expected" if mine.sha256 in (None, sha256) else "other content"), path


UNSEEN = frozenset({"permission denied"})
CONTENT = """content() {
  is=$(state "$2") || exit 127
  if [ "$is" = there ] && [ ! -r "$2" ]; then is='permission denied'; fi
  if [ "$is" != there ]; then printf '%s\\t%s\\t%s\\n' "$1" "$2" "$is"; return; fi
  size=$(tr -d '\\r' <"$2" | wc -c) || exit 3
  sum=$(tr -d '\\r' <"$2" | sha256sum) || exit 3
  printf '%s\\t%s\\tthere\\t%d\\t%s\\n' "$1" "$2" "$size" "${sum%% *}"
}
expected() { tr -d '\\r' | while read -r sum file; do content "$sum" "${file#\\*}"; done; }
"""


class Free(Bounded, Probe):
    """The volume of a path has enough free space, in per cent of what its users may fill."""

    name: ClassVar[str] = "files.free"
    example: ClassVar[str] = "path: '{root}'\nabove: 10"
    path: str

    def ask(self, scope: Scope) -> Shell:
        return Shell(volume(scope, self.path))

    def judge(self, output: Output) -> Verdict:
        found = space(output)
        if found is None:
            return unknown(self.text(" %"), "df did not answer as POSIX says", output.out)
        used, free = found
        return self.verdict(round(100 * free / (used + free), 1), " %", output.out)


SPACE = re.compile(r"\s(\d+)\s+(\d+)\s+(-?\d+)\s+(?:\d+%|-)\s")


def space(output: Output) -> tuple[int, int] | None:
    """Bytes used and free of the one volume that `df -P -k` told of; None where it told something else."""
    match = SPACE.search(output.out.partition("\n")[2])
    if not match or int(match[2]) + int(match[3]) <= 0:
        return None
    return int(match[2]) * 1024, max(0, int(match[3])) * 1024


def mode_of(line: str) -> int:
    """The permission bits in a line of `ls -l`; letters that stand for set-uid and the like count with their bits."""
    mode = 0
    for index, letter in enumerate(line[1:10]):
        bit = 0o400 >> index
        mode |= bit if letter in "rwxst" else 0
        mode |= {2: 0o4000, 5: 0o2000, 8: 0o1000}[index] if letter in "sStT" else 0
    return mode
