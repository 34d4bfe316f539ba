from dataclasses import replace

from deploy.reports.compare import Comparison, text
from deploy.reports.markdown import PhaseRecord
from deploy.result import Status
from tests.reports.pages import GOOD, HOSTILE_RECORD, WHOLE, rate
from tests.reports.recorded import NOW, RESULTS, is_harmless, result

BEFORE = replace(
    GOOD, deployment="a", phases=[
        PhaseRecord("prereqs", 1.0, [result("disk", Status.PASS), result("clock", Status.FAIL)], at=NOW),
        PhaseRecord("load", 2.0, [result("rows", Status.PASS, phase="load")], at=NOW),
        PhaseRecord("validate.post", 1.0, [rate(Status.PASS, "0.9")], at=NOW),
    ],
)  # fmt: skip
AFTER = replace(
    GOOD, deployment="b", version="2", phases=[
        PhaseRecord("prereqs", 4.0, [result("disk", Status.UNKNOWN), result("clock", Status.PASS)], at=NOW),
        PhaseRecord("validate.post", 1.0, [rate(Status.PASS, "0.99")], at=NOW),
    ],
)  # fmt: skip


def test_what_changed_from_one_deployment_to_the_next() -> None:
    found = Comparison(BEFORE, AFTER)
    assert [(row["Item"], row["Change"]) for row in found.items] == [
        ("disk", "worse"),
        ("clock", "better"),
        ("1 items", "gone"),
    ]
    assert [(row["Phase"], row["Before"], row["After"], row["By"]) for row in found.phases] == [
        ("prereqs", "1.0 s", "4.0 s", "+3.0 s"),
        ("validate.post", "1.0 s", "1.0 s", "+0.0 s"),
        ("load", "2.0 s", "-", ""),
    ]
    assert [(row["Before"], row["After"], row["By"]) for row in found.numbers] == [("0.9", "0.99", "+0.09 (+10 %)")]
    assert [row[""] for row in found.facts if row["Differs"]] == ["Version"]
    assert "1 items changed for the worse, 1 for the better" in text(found)


def test_equal_deployments_have_nothing_to_tell() -> None:
    told = text(Comparison(AFTER, AFTER))
    assert "0 items changed for the worse" in told
    assert "Items that changed" not in told and "Numbers" not in told


def test_hostile_texts_stay_text() -> None:
    is_harmless(text(Comparison(HOSTILE_RECORD, WHOLE)))
    assert RESULTS
