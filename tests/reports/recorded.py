"""Results and helpers that the tests of reports share: an honest deployment, and hostile texts."""

import os
from datetime import UTC, datetime
from pathlib import Path

from deploy.result import Result, Severity, Status

GOLDEN = Path(__file__).parents[1] / "golden"
NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
HOSTILE = (
    "\x1b[31mred\x1b[0m [red]markup[/red] <script>alert(1)</script> \u202eturned\x00\ud800"
    " | `cell`\n```\n# heading\n]]>"
)


def result(item: str, status: Status, severity: Severity = Severity.CRITICAL, phase: str = "prereqs") -> Result:
    return Result(
        item, f"The {item} is good", phase, severity, status, f"{item} at its best", f"{item} as it was",
        f"{item}: line 1\n{item}: line 2", f"Mend the {item}.", "db1", asked_at=NOW, took=0.25,
    )  # fmt: skip


RESULTS = [
    result("disk", Status.PASS),
    result("network", Status.FAIL),
    result("clock", Status.UNKNOWN, Severity.WARNING),
    result("release-notes", Status.PENDING),
    result("coverage", Status.WAIVED),
    result("sqlite", Status.SKIPPED, Severity.INFO),
    result("success-rate", Status.PASS, phase="validate.post"),
]
HOSTILE_RESULT = Result(
    "hostile", HOSTILE, "prereqs", Severity.CRITICAL, Status.FAIL, HOSTILE, HOSTILE, HOSTILE + "\n" + "x" * 1_000_000,
    HOSTILE, HOSTILE, asked_at=NOW,
)  # fmt: skip


def golden(name: str, text: str) -> None:
    """Compare with the recorded report; `UPDATE_GOLDEN=1` records it anew, to be read before it is committed."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8", newline="")
    assert text == path.read_bytes().decode("utf-8")


def is_harmless(text: str) -> None:
    """No character that a terminal obeys or that turns the reading direction, and no endless line."""
    assert not set(text) & {"\x1b", "\x00", "\u202e", "\ud800"}
    assert max(map(len, text.split("\n"))) < 25_000
