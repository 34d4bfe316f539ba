"""A number that log lines tell, compared with what they told before the deployment."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import Field

from deploy.probes.change import MOST, Distribution
from deploy.probes.logs import BEGIN, MOST_BYTES, Paths, each_file, parsed, written_before
from deploy.probes.sh import needs
from deploy.question import Output, Shell
from deploy.result import Verdict
from deploy.scope import Scope

BROKEN = "cannot be read whole:"
READ = f"""\
newest() {{  # where the last 16 MB hold as many as are wanted, they are enough
  late=$(($(wc -c <"$1") / 65536 - 256))
  [ "$late" -le "$start" ] || [ "$(reading "$1" "$late" grep -acF -m {MOST} -e "$wanted")" -lt {MOST} ] || start=$late
}}
content_of() {{ case $1 in *.gz) gzip -dc -- "$1" ;; *) begin "$1"; newest "$1"; content "$1" "$start" ;; esac; }}
read_of() {{ content_of "$1" || printf '\\n%s\\n' "{BROKEN} $1 (${{wanted}})"; }}"""


class LogSamples(Distribution):
    """A number in JSON log lines, such as a duration, did not get worse: Mann-Whitney's test of the newest ones.

    `field` is its name in a line. `effect` is the rank-biserial correlation from which on a change counts: 0 is none, 1
    is all above all before. A line without a time counts as new; rotated and compressed files count as well. Of too
    many to compare, some are taken evenly.
    """

    name: ClassVar[str] = "logs.samples"
    example: ClassVar[str] = (
        "paths: ['{shared}/logs/extraction.log*']\nfield: duration_seconds\nagainst: baseline\nat_least: 20\nunit: ' s'"
    )
    paths: Paths = Field(min_length=1)
    field: str = Field(pattern=r"^\S+$")

    def ask(self, scope: Scope) -> Shell:
        since = scope.since.astimezone(UTC) if scope.since else None
        told = f"{since:%Y-%m-%dT%H:%M}" if since else ""
        head = [
            needs("awk", "cat", "dd", "grep", "gzip", "tail", "wc"),
            f"since={told} wanted={shlex.quote(json.dumps(self.field))}",
            f"printf 'since %s\\n' '{since.isoformat() if since else ''}'",
        ]
        body = f"""read_of "$file" | grep -aF -e "$wanted" | tail -n {MOST}"""
        script = "\n".join([*head, BEGIN, READ, each_file(scope, self.paths, body)])
        return Shell(script, timeout=120, limit=MOST_BYTES)

    def measured(self, answer: Output) -> tuple[float, ...]:
        first, *lines = answer.out.splitlines()
        broken = next((line for line in lines if line.startswith(BROKEN)), "")
        if broken:
            raise ValueError(broken)
        told = first.removeprefix("since ")
        since = datetime.fromisoformat(told) if told else None
        seen = [parsed(line, {}).get(self.field) for line in lines if not written_before(line, since)]
        found = [float(each) for each in seen if isinstance(each, int | float) and not isinstance(each, bool)]
        return tuple(found[:: max(1, -(-len(found) // MOST))])

    def judge(self, output: Output) -> Verdict:
        return self.judge_change(output)
