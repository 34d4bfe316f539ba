"""What is in version control, and which commit a release is."""

from __future__ import annotations

import json
import shlex
from typing import ClassVar

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.leaks import SECRETS, Patterns, filtering
from deploy.probes.reading import every, words
from deploy.probes.sh import needs, quote
from deploy.question import Output, Shell
from deploy.result import Verdict, failed, judged, unknown
from deploy.scope import Scope


class At(Probe):
    """The release folder was made from the commit that is being deployed."""

    name: ClassVar[str] = "git.at"
    example: ClassVar[str] = "release: '{release}'\ncommit: '{commit}'"
    release: str = "{release}"
    commit: str = "{commit}"

    def ask(self, scope: Scope) -> Shell:
        return Shell(f"printf '%s\\n' {quote(scope, self.commit)}\ncat -- {quote(scope, self.release)}/.release.json")

    def judge(self, output: Output) -> Verdict:
        commit, _, mark = output.out.partition("\n")
        try:
            found = str(json.loads(mark)["commit"])
        except (ValueError, KeyError, TypeError):
            return unknown(f"commit {commit}", "the release's mark cannot be read", mark)
        return judged(found == commit, f"commit {commit}", f"commit {found}", mark)


class Clean(Probe):
    """A working copy has no uncommitted changes and no untracked files."""

    name: ClassVar[str] = "git.clean"
    example: ClassVar[str] = "path: '{repository}'"
    path: str

    def ask(self, scope: Scope) -> Shell:
        return Shell(f"git --no-optional-locks -C {quote(scope, self.path)} status --porcelain", timeout=30)

    def judge(self, output: Output) -> Verdict:
        changed = output.out.splitlines()
        return judged(not changed, "a clean working copy", f"{len(changed)} changed files", output.out)


class Branch(Probe):
    """A working copy is on the branch, or the branch is merged into the one that it is on."""

    name: ClassVar[str] = "git.branch"
    example: ClassVar[str] = "path: '{repository}'\nbranch: main"
    path: str
    branch: str = Field(min_length=1)

    def ask(self, scope: Scope) -> Shell:
        branch = quote(scope, self.branch)
        return Shell(f"""{needs("git")}
cd {quote(scope, self.path)} || exit 3
now=$(git rev-parse --abbrev-ref HEAD) || exit 3
printf '%s\\n%s\\n' {branch} "$now"
[ "$now" != {branch} ] || exit 0
head=$(git rev-parse -q --verify refs/heads/{branch} || git rev-parse -q --verify refs/remotes/origin/{branch}) || {{
  echo 'no such branch'; exit 0; }}
git merge-base --is-ancestor "$head" HEAD; code=$?
case $code in 0) echo merged ;; 1) echo 'not merged' ;; *) exit 3 ;; esac""")

    def judge(self, output: Output) -> Verdict:
        wanted, now, *merged = output.out.splitlines()
        found = f"on {now}" + "".join(f", {wanted}: {state}" for state in merged)
        return judged(now == wanted or merged == ["merged"], f"on {wanted}, or {wanted} merged", found)


class Behind(Probe):
    """A working copy has all that its remote has of a branch; the remote is asked, and nothing is fetched."""

    name: ClassVar[str] = "git.behind"
    example: ClassVar[str] = "path: '{repository}'\nremote: origin\nbranch: main"
    path: str
    remote: str = "origin"
    branch: str = Field("main", min_length=1)

    def ask(self, scope: Scope) -> Shell:
        branch = quote(scope, f"refs/heads/{self.branch}")
        return Shell(
            f"""{needs("git")}
cd {quote(scope, self.path)} || exit 3
told=$(git ls-remote --exit-code -- {quote(scope, self.remote)} {branch}) || exit 3
head=${{told%%[!0-9a-f]*}}
if git cat-file -e "$head^{{commit}}" 2>/dev/null; then git rev-list --count "HEAD..$head" || exit 3
else echo 'commits that are not here'; fi""",
            timeout=30,
        )

    def judge(self, output: Output) -> Verdict:
        found = output.out.strip()
        return judged(found == "0", "not behind", f"behind by {found}")


class Ignored(Probe):
    """At the commit, every path is ignored by git and not tracked."""

    name: ClassVar[str] = "git.ignored"
    example: ClassVar[str] = "paths: [.env, engine/config/sources.yaml]"
    repository: str = "{repository}"
    commit: str = "{commit}"
    paths: tuple[str, ...] = Field(min_length=1)

    def ask(self, scope: Scope) -> Shell:
        # git judges ignored paths in a working copy only: this one holds nothing but the commit's ignore files
        return Shell(
            f"""{_inside(scope, self.repository, self.commit, "--absolute-git-dir", "mktemp", "mkdir")}
copy=$(mktemp -d) || exit 3
trap 'rm -rf "$copy"' EXIT
git ls-tree -r --full-tree --name-only "$commit" | while IFS= read -r file; do
  case $file in .gitignore) ;; */.gitignore) mkdir -p "$copy/${{file%/*}}" || exit 3 ;; *) continue ;; esac
  git show "$commit:$file" >"$copy/$file" || exit 3
done || exit 3
tracked() {{ git ls-tree -r --full-tree --name-only "$commit" -- "$@"; }}
ignored() {{
  (cd "$copy" && git --git-dir="$fact" --work-tree=. -c core.excludesFile= check-ignore --no-index -- "$@")
  [ $? -le 1 ] || exit 3
}}
set -- {quote(scope, *self.paths)}
# All at once; one by one only where that does not tell that all is well.
any=$(tracked "$@") || exit 3
all=$(ignored "$@") || exit 3
[ -z "$any" ] && [ "$all" = "$(printf '%s\\n' "$@")" ] && well=yes || well=
for path in "$@"; do
  is=ignored
  if [ -z "$well" ]; then
    any=$(tracked "$path") || exit 3
    all=$(ignored "$path") || exit 3
    [ -n "$all" ] || is='not ignored'
    [ -z "$any" ] || is=tracked
  fi
  printf '%s\\t%s\\n' "$is" "$path"
done""",
            timeout=30,
        )

    def judge(self, output: Output) -> Verdict:
        return every("ignored and not tracked", words(output), {"ignored"})


class Secrets(Probe):
    """No secret was ever committed: each hit is named by pattern, commit, file and line, and never shown."""

    name: ClassVar[str] = "git.secrets"
    example: ClassVar[str] = "repository: '{repository}'\ncommit: '{commit}'\nallow: ['^[0-9a-f]+:tests/']"
    repository: str = "{repository}"
    commit: str = "{commit}"
    history: bool = True
    patterns: Patterns = SECRETS
    allow: tuple[str, ...] = ()

    def ask(self, scope: Scope) -> Shell:
        scans = "\n".join(f"scan {shlex.quote(name)} {shlex.quote(text)}" for name, text in self.patterns.items())
        several = shlex.join(word for text in self.patterns.values() for word in ("-e", text))
        # Ours mean the same byte by byte, in half the time, and are found in lines of another encoding as well.
        git = "LC_ALL=C git" if set(self.patterns.values()) <= set(SECRETS.values()) else "git"
        either = shlex.quote("|".join(self.patterns.values()))
        changed = f'{git} log -m --format=%H -G{either} "$commit"' if self.history else ":"
        return Shell(
            f"""{_inside(scope, self.repository, self.commit, "--is-shallow-repository", "sed", "sort", "wc")}
[ "$fact" = false ] || {{ echo shallow; exit 0; }}
{filtering(self.allow)}
found() {{
  hits=$({git} grep -InE "$@" $commits --)
  case $? in 0) ;; 1) return ;; *) exit 3 ;; esac
  hits=$(printf '%s\\n' "$hits" | allowed)
  [ $? -le 1 ] || exit 3
}}
scan() {{
  found -e "$2"
  [ -z "$hits" ] || printf '%s\\n' "$hits" |
    LC_ALL=C sed -e 's/^\\([0-9a-f]*\\):\\([^:]*\\):\\([0-9]*\\):.*/\\1	\\2	\\3/;t' \\
      -e 's/.*/-	an oddly named file	0/' |
    LC_ALL=C sort -u -t '	' -k 2,2 | while IFS= read -r hit; do printf '%s\\t%s\\n' "$1" "$hit"; done || exit 3
}}
printf 'files\\t%s\\n' "$(git ls-tree -r "$commit" | wc -l)"
commits=$({changed}) || exit 3
commits=$(printf '%s\\n' "$commit" $commits | sort -u)
# One look for all patterns. Which of them it was is asked where there is a hit, of one commit for each line found.
found {several}
[ -n "$hits" ] || exit 0
commits=$(printf '%s\\n' "$hits" | LC_ALL=C sort -u -t : -k 2 | LC_ALL=C sed 's/:.*//' | sort -u)
{scans}""",
            timeout=120,
        )

    def judge(self, output: Output) -> Verdict:
        expected = f"no secret in the tree{' and its history' * self.history}"
        (*first, count), *hits = words(output) or [["nothing", "0"]]
        if first != ["files"] or int(count) == 0:
            return unknown(expected, "the history is cut off" if count == "shallow" else "no file was looked at")
        places = {(name, file): f"{name}: {at[:12]} {file}:{line}" for name, at, file, line in reversed(hits)}
        if places:
            return failed(expected, f"{len(places)} places", "\n".join(sorted(places.values())[:50]))
        return judged(True, expected, f"none in {int(count)} files")


def _inside(scope: Scope, repository: str, commit: str, fact: str, *tools: str) -> str:
    """Go to the repository; one call of git sets `commit` (its id) and `fact` (what `git rev-parse` tells of it)."""
    return f"""{needs("git", *tools)}
cd {quote(scope, repository)} || exit 3
told=$(git rev-parse {fact} --verify {quote(scope, commit)}'^{{commit}}') || exit 3
commit=${{told##*
}} fact=${{told%
*}}"""
