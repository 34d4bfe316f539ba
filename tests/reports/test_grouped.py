"""What results come to, and how the answers of many hosts are taken together."""

from dataclasses import replace

import pytest

from deploy.reports.grouped import answers, outcome, where
from deploy.result import Readiness, Severity, Status
from tests.reports.recorded import result

PASS, FAIL, UNKNOWN, PENDING = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.PENDING
CRITICAL, WARNING, INFO = Severity


@pytest.mark.parametrize(
    ("status", "severity", "comes_to"),
    [
        (PASS, CRITICAL, Readiness.READY),
        (FAIL, CRITICAL, Readiness.BLOCKED),
        (UNKNOWN, CRITICAL, Readiness.BLOCKED),
        (PENDING, CRITICAL, Readiness.BLOCKED),
        (FAIL, WARNING, Readiness.NEEDS_FIXES),
        (Status.WAIVED, CRITICAL, Readiness.READY),
        (UNKNOWN, INFO, Readiness.READY),
    ],
)
def test_one_of_three_words(status: Status, severity: Severity, comes_to: Readiness) -> None:
    found = outcome([result("disk", PASS), result("a", status, severity)])
    assert found.status is comes_to
    assert len(found.notes) == (comes_to is not Readiness.READY)


def test_a_deployment_that_failed_is_blocked_however_well_its_rollback_went() -> None:
    found = outcome([result("a", PASS)], failed=True)
    assert (found.status, found.notes) == (Readiness.BLOCKED, ("the deployment did not succeed",))


def test_nothing_checked_is_blocked() -> None:
    assert outcome([]).status is Readiness.BLOCKED


def test_a_missing_signature_is_no_fault_but_noted() -> None:
    found = outcome([result("a", PENDING, WARNING)])
    assert (found.status, found.notes) == (Readiness.READY, ("The a is good @db1: awaits a signature",))


def test_signatures_that_are_only_shown_are_in_nobodys_way() -> None:
    found = outcome([result("a", PENDING), result("b", PASS)], signoffs_hold=False)
    assert found.status is Readiness.READY


def test_notes_name_what_is_in_the_way_and_why() -> None:
    found = outcome([result("a", FAIL), result("b", PENDING), result("c", FAIL, WARNING)])
    assert found.notes == ("The a is good @db1: fail: a as it was", "The b is good @db1: awaits a signature")


def test_hosts_with_one_answer_are_one_line_and_the_odd_one_stands_out() -> None:
    same = [replace(result("disk", FAIL), host=f"web{n}") for n in range(49)]
    odd = replace(result("disk", UNKNOWN), host="web49", found="unreachable")
    found = answers([*same, odd])
    assert [where(each) for each in found] == ["49 hosts", "web49"]
    assert [note.split(":")[0] for note in outcome([*same, odd]).notes] == [
        "The disk is good @49 hosts",
        "The disk is good @web49",
    ]
