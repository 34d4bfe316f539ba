import json

from deploy.reports.json import report
from deploy.result import Status
from tests.reports.recorded import HOSTILE_RESULT, RESULTS, golden, is_harmless, result


def test_results_as_one_object() -> None:
    golden("results.json", report(RESULTS, {"system": "practice", "environment": "local"}))


def test_the_gate_is_open_closed_or_unproven() -> None:
    def gate(*statuses: Status, hold: bool = True) -> str:
        return str(json.loads(report([result("a", status) for status in statuses], signoffs_hold=hold))["gate"])

    assert gate(Status.PASS, Status.WAIVED) == "open"
    assert gate(Status.PASS, Status.UNKNOWN) == "closed"
    assert gate(Status.PENDING) == "closed"
    assert gate(Status.PENDING, hold=False) == "open"
    assert gate() == "closed"


def test_hostile_texts_stay_text() -> None:
    told = report([HOSTILE_RESULT])
    is_harmless(told)
    assert "<script>" in json.loads(told)["results"][0]["found"]
