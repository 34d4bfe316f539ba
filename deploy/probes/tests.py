"""The release's own tests. Both probes ask the same question, so that their items cost one run."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar
from xml.etree import ElementTree

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.bounds import Bounded
from deploy.probes.sh import needs, quote
from deploy.question import Output, Shell
from deploy.result import Verdict, failed, passed, unknown
from deploy.scope import Scope

PARTS = re.compile(r"^==== (exit|junit|coverage|log) ?(.*)$", re.MULTILINE)
TOTALS = "import json, sys; print(json.dumps(json.load(open(sys.argv[1]))['totals']))"


class Suite(Probe):
    """What probes of tests share: one run of pytest; with `package`, it also measures which of its lines are run."""

    cwd: str = "{release}"
    paths: tuple[str, ...] = ()
    python: str = "{python}"
    package: str = ""
    timeout: float = Field(600.0, gt=0)

    def ask(self, scope: Scope) -> Shell:
        python, package = quote(scope, self.python), quote(scope, self.package)
        measure = f'set -- --cov={package} --cov-report="json:$folder/coverage"' if self.package else "set --"
        return Shell(
            f"""{needs("mktemp", "cat", "tail", "rm")}
folder=$(mktemp -d) || exit 3
trap 'rm -rf "$folder"' EXIT
trap 'exit 3' INT TERM
cd {quote(scope, self.cwd)} || exit 3
{python} -c '' || exit 3
{measure}
PYTHONDONTWRITEBYTECODE=1 COVERAGE_FILE="$folder/data" {python} -m pytest -q --tb=short -p no:cacheprovider \\
  --junitxml="$folder/junit" -o junit_logging=no "$@" {quote(scope, *self.paths)} >"$folder/log" 2>&1 </dev/null
echo "==== exit $?"
for part in junit coverage log; do
  [ -s "$folder/$part" ] || continue
  printf '\\n==== %s\\n' "$part"
  case $part in
    junit) cat "$folder/junit" ;;
    coverage) {python} -c {quote(scope, TOTALS)} "$folder/coverage" ;;
    log) tail -n 30 "$folder/log" ;;
  esac
done""",
            app=True,
            timeout=self.timeout,
            limit=10_000_000,
        )

    def parts(self, output: Output) -> dict[str, str]:
        """What the run left: `exit`, `junit`, `coverage`, `log`; absent where it left nothing."""
        pieces = PARTS.split(output.out)
        found = zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True)
        return {name: (rest or text).strip() for name, rest, text in found}

    def broken(self, parts: dict[str, str]) -> str:
        """Why the run proves nothing either way; empty when tests were really run."""
        if parts.get("exit") not in ("0", "1"):
            return f"the tests are broken, not failed: pytest exited {parts.get('exit', 'without a word')}"
        return "" if "junit" in parts else "the tests are broken, not failed: pytest left no report"


class Pytest(Suite):
    """The tests pass, and there are as many as there should be; broken, failed and too few are different findings."""

    name: ClassVar[str] = "tests.pytest"
    example: ClassVar[str] = "cwd: '{release}'\npaths: [tests]\nat_least: 125\npackage: engine"
    at_least: int = Field(1, ge=1)

    def judge(self, output: Output) -> Verdict:
        parts, expected = self.parts(output), f"at least {self.at_least} tests, all passing"
        if why := self.broken(parts):
            return unknown(expected, why, parts.get("log", output.err))
        try:
            cases = list(ElementTree.fromstring(parts["junit"]).iter("testcase"))  # noqa: S314 - pytest's own file
        except ElementTree.ParseError as error:
            return unknown(expected, f"the report cannot be read: {error}")
        bad = [_title(case) for case in cases if case.find("failure") is not None or case.find("error") is not None]
        good = len(cases) - len(bad) - sum(case.find("skipped") is not None for case in cases)
        if bad or parts["exit"] != "0":
            return failed(expected, f"{len(bad)} of {len(cases)} tests failed", "\n".join(bad[:30]) or parts["log"])
        if good < self.at_least:
            return failed(expected, f"too few tests: {good} passed, none failed", f"{len(cases) - good} skipped")
        return passed(expected, f"{good} passed", f"{len(cases) - good} skipped")


def _title(case: ElementTree.Element) -> str:
    reason: Any = next(iter(case), None)
    message = str(reason.get("message", "")).partition("\n")[0] if reason is not None else ""
    return f"{case.get('classname')}::{case.get('name')}: {message[:160]}"


class Coverage(Bounded, Suite):
    """The tests run enough of a package's lines, in per cent.

    Give it what `tests.pytest` is given: one run then serves both.
    """

    name: ClassVar[str] = "tests.coverage"
    example: ClassVar[str] = "cwd: '{release}'\npaths: [tests]\npackage: engine\nabove: 80"
    package: str = Field(min_length=1)

    def judge(self, output: Output) -> Verdict:
        parts = self.parts(output)
        if why := self.broken(parts):
            return unknown(self.text(" %"), why, parts.get("log", output.err))
        totals = json.loads(parts["coverage"]) if "coverage" in parts else {}
        if not totals.get("num_statements"):
            return unknown(self.text(" %"), "no coverage was measured", parts.get("log", ""))
        lines = f"{totals['covered_lines']} of {totals['num_statements']} lines"
        return self.verdict(100 * totals["covered_lines"] / totals["num_statements"], " %", lines)
