"""A release folder is what was built."""

from __future__ import annotations

from typing import ClassVar

from deploy.probes.base import Probe
from deploy.probes.reading import words
from deploy.probes.sh import needs, quote
from deploy.question import Output, Shell
from deploy.result import Verdict, failed, passed, unknown
from deploy.scope import Scope


class Intact(Probe):
    """Every file of a release still has the checksum that was written down when it was built."""

    name: ClassVar[str] = "release.intact"
    example: ClassVar[str] = "release: '{release}'"
    release: str = "{release}"

    def ask(self, scope: Scope) -> Shell:
        return Shell(
            f"""{needs("wc")}
cd {quote(scope, self.release)} || exit 3
if command -v sha256sum >/dev/null; then sums=sha256sum; else sums='shasum -a 256'; fi
[ -s .release.sha256 ] && [ -r .release.sha256 ] || exit 3
$sums -c .release.sha256 2>/dev/null | while IFS= read -r line; do
  file=${{line%: *}}
  case $line in
    *': OK') is=whole ;;
    *) is=changed; [ -r "$file" ] || is=unreadable; [ -e "$file" ] || is=missing ;;
  esac
  printf '%s\\t%s\\n' "$is" "$file"
done
printf 'listed\\t%s\\n' "$(wc -l <.release.sha256)\"""",
            timeout=60,
        )

    def judge(self, output: Output) -> Verdict:
        expected, lines = "every file as it was built", words(output)
        files, listed = lines[:-1], int(lines[-1][1]) if lines and lines[-1][0] == "listed" else 0
        wrong = [f"{name}: {state}" for state, name in files if state != "whole"]
        if any(state in ("changed", "missing") for state, _ in files):
            return failed(expected, f"{len(wrong)} of {len(files)} files differ", "\n".join(wrong[:20]))
        if wrong or not files or len(files) != listed:
            return unknown(expected, f"{len(files) - len(wrong)} of {listed} files were checked", "\n".join(wrong[:20]))
        return passed(expected, f"all {len(files)} files")
