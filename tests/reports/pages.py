"""Deployments that the tests of pages share: one with all there is, a hostile one, a large one."""

from dataclasses import replace
from datetime import timedelta

from deploy.reports.markdown import DeploymentRecord, PhaseRecord
from deploy.result import Result, Severity, Status
from tests.reports.recorded import HOSTILE, HOSTILE_RESULT, NOW, RESULTS
from tests.reports.test_markdown import RECORD


def rate(status: Status, found: str, host: str = "") -> Result:
    return Result(
        "rate", "Sources succeed", "validate.post", Severity.CRITICAL, status, "above 0.85", found, host=host,
        due="1h", asked_at=NOW,
    )  # fmt: skip


WHOLE = replace(
    RECORD,
    how="rolled back",
    phases=[
        PhaseRecord("prereqs", 1.2, RESULTS[:6], at=NOW),
        PhaseRecord("migrate", 4.0, (), "migrate", NOW + timedelta(seconds=2), [("migrate", 3.5)], broke="migrate"),
        PhaseRecord("validate.post", 0.5, [rate(Status.PASS, "0.91")], at=NOW + timedelta(seconds=8)),
        PhaseRecord("validate.post", 0.5, [rate(Status.FAIL, "0.7 of 200")], at=NOW + timedelta(days=1), window="24h"),
    ],
    failures=["migrate: exited 1\n  | the column is there already"],
    before=[rate(Status.PASS, "0.95")],
    hosts={"app": ["web1", "web2"]},
    versions={"Commit": "0123456789abcdef"},
    durations=[30, 45, 83.4],
    incident="incident.html",
)
GOOD = replace(
    WHOLE, how="succeeded", outcome="Deployed", phases=[PhaseRecord("prereqs", 1.2, [RESULTS[0]], at=NOW)],
    failures=[], incident="",
)  # fmt: skip
HOSTILE_NUMBER = replace(rate(Status.FAIL, "1" + "0" * 25), title=HOSTILE, expected=f"above 1 {HOSTILE}", host=HOSTILE)
HOSTILE_RECORD = replace(
    WHOLE, outcome=HOSTILE, by=HOSTILE, system=HOSTILE, notes=[HOSTILE], failures=[HOSTILE],
    phases=[PhaseRecord(HOSTILE, 1, [HOSTILE_RESULT, HOSTILE_NUMBER], HOSTILE, NOW, [(HOSTILE, 1)], HOSTILE, HOSTILE)],
    signoffs=[{"by": HOSTILE}], backups=[{HOSTILE: HOSTILE}], migrations=[{"Migration": HOSTILE}],
    hosts={HOSTILE: [HOSTILE]}, versions={HOSTILE: HOSTILE},
)  # fmt: skip


def large(items: int) -> DeploymentRecord:
    """Half of its items fail, each with more evidence than anybody reads."""
    results = [
        Result(
            f"item-{number}", f"Item {number} is good", "prereqs", Severity.WARNING,
            Status.FAIL if number % 2 else Status.PASS, f"at least {number}", f"{number - number % 2}",
            f"row of item {number}\n" * 1000, "Mend it.", asked_at=NOW,
        )
        for number in range(items)
    ]  # fmt: skip
    return replace(WHOLE, phases=[PhaseRecord("prereqs", 9.0, results, at=NOW)], before=())
