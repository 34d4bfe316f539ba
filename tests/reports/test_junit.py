from xml.etree import ElementTree

from deploy.reports.junit import report
from tests.reports.recorded import HOSTILE_RESULT, RESULTS, golden, is_harmless


def test_a_suite_a_phase_and_a_case_an_item() -> None:
    golden("results.xml", report(RESULTS, "practice local"))


def test_counts_are_those_of_its_cases() -> None:
    root = ElementTree.fromstring(report(RESULTS, "x"))
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("7", "1", "2", "1")
    assert [suite.get("name") for suite in root] == ["prereqs", "validate.post"]


def test_where_signoffs_are_only_shown_a_pending_one_is_skipped() -> None:
    root = ElementTree.fromstring(report(RESULTS, "x", signoffs_hold=False))
    assert (root.get("errors"), root.get("skipped")) == ("1", "2")


def test_hostile_texts_stay_text() -> None:
    told = report([HOSTILE_RESULT], "\x00]]>")
    is_harmless(told)
    failure = ElementTree.fromstring(told).find(".//failure")
    assert failure is not None
    assert "<script>alert(1)</script>" in failure.get("message", "")
