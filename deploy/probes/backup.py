"""Backups that count: recent, and proven by a restore."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from pydantic import Field, ValidationError, field_validator

from deploy.backups.manifest import Manifest, Receipt, problem_of
from deploy.duration import parse
from deploy.probes.base import Probe
from deploy.probes.sh import STATE
from deploy.question import Output, Shell
from deploy.result import Verdict, failed, judged, unknown
from deploy.scope import Scope

SKEW = timedelta(minutes=5)  # clocks of two machines may differ that much


class Fresh(Probe):
    """The newest backup of a database was restored and compared (it has a receipt), and is young enough."""

    name: ClassVar[str] = "backup.fresh"
    example: ClassVar[str] = "database: app\nwithin: 24h"
    role: ClassVar[str] = "control"  # where backups lie
    database: str = Field(default="app", pattern=r"^[A-Za-z0-9_-]+$")
    within: str = "24h"

    @field_validator("within")
    @classmethod
    def _is_span(cls, value: str) -> str:
        parse(value)
        return value

    def ask(self, scope: Scope) -> Shell:
        return Shell(
            f"""{STATE}
backups={shlex.quote(scope.fill("{backups}"))}
is=$(state "$backups")
if [ "$is" = missing ]; then exit 0; fi
cd -- "$backups" && [ -r . ] || exit 3
newest=
for file in */{self.database}/manifest.json; do if [ -e "$file" ]; then newest=${{file%/manifest.json}}; fi; done
[ -n "$newest" ] || exit 0
sum=sha256sum; command -v sha256sum >/dev/null || sum='shasum -a 256'
date -u +%s; echo "$newest"; $sum <"$newest/manifest.json" || exit 3
cat -- "$newest/manifest.json" || exit 3
echo '== receipt'
if [ -e "$newest/receipt.json" ]; then cat -- "$newest/receipt.json" || exit 3; fi""",
            limit=20_000_000,  # a manifest names every table and file
        )

    def judge(self, output: Output) -> Verdict:
        expected = f"a proven backup of {self.database} within {self.within}"
        if not output.out.strip():
            return failed(expected, f"no backup of {self.database}")
        head, _, receipt_text = output.out.partition("== receipt\n")
        clock, folder, sha256, manifest_text = head.split("\n", 3)
        try:
            manifest = Manifest.model_validate_json(manifest_text)
            receipt = Receipt.model_validate_json(receipt_text) if receipt_text.strip() else None
        except ValidationError as error:
            return unknown(expected, f"{folder}: its {error.title.lower()} cannot be read", str(error))
        if problem := problem_of(folder.split("/")[0], self.database, sha256.split(" ")[0], manifest, receipt):
            return failed(expected, f"the newest, {folder}, does not count: {problem}")
        return self._judge_age(expected, manifest, receipt, datetime.fromtimestamp(int(clock), UTC))

    def _judge_age(self, expected: str, manifest: Manifest, receipt: Receipt | None, now: datetime) -> Verdict:
        age = now - manifest.started_at
        evidence = f"{manifest.id}: {manifest.rows} rows, {manifest.bytes} bytes, proven by {receipt and receipt.by}"
        if age < -SKEW:
            return unknown(expected, f"{manifest.id} is from the future: a clock is wrong", evidence)
        return judged(age <= parse(self.within), expected, f"{manifest.id}, {_text(age)} old", evidence)


def _text(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds() // 60))
    return f"{minutes // 60} h {minutes % 60} min"
