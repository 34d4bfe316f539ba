from pathlib import Path
from typing import Any

from deploy.journal import Journal
from deploy.passage import phases


def journal(*records: tuple[str, int, dict[str, Any]]) -> Journal:
    """A journal of records (kind, second, fields), in memory."""
    found = Journal(Path("/nonexistent/j.jsonl"))
    for kind, second, fields in records:
        found.records.append({"kind": kind, "at": f"2026-11-23T01:30:{second:02}+00:00", **fields})
    return found


def test_each_phase_with_its_steps_the_broken_one_and_the_way_back() -> None:
    found = phases(
        journal(
            ("phase.started", 0, {"phase": "prereqs"}),
            ("checked", 1, {"phase": "prereqs", "took": 0.9, "results": []}),
            ("phase.started", 1, {"phase": "switch"}),
            ("step.intended", 1, {"step": "stop"}),
            ("step.done", 2, {"step": "stop", "took": 0.5, "host": "a"}),
            ("step.done", 3, {"step": "stop", "took": 0.7, "host": "b"}),
            ("step.already", 3, {"step": "link"}),
            ("step.intended", 4, {"step": "start"}),
            ("failed", 9, {"reason": "no"}),
            ("rollback.started", 9, {}),
            ("undo.intended", 9, {"step": "stop"}),
            ("undo.done", 10, {"step": "stop", "took": 1.0}),
            ("checked", 12, {"phase": "rollback", "took": 3.0, "results": []}),
            ("closed", 12, {"outcome": "rolled back"}),
        )
    )
    told = [(each.name, each.took, each.change, each.broke) for each in found]
    assert told == [
        ("prereqs", 0.9, "", ""),
        ("switch", 8.0, "stop, link (already so)", "start"),
        ("rollback", 3.0, "stop", ""),
    ]


def test_a_window_is_judged_after_the_deployment_and_a_killed_phase_broke_off() -> None:
    first, second, third = phases(
        journal(
            ("phase.started", 0, {"phase": "load"}),
            ("step.intended", 1, {"step": "load"}),
            ("resumed", 20, {}),
            ("phase.started", 21, {"phase": "load"}),
            ("checked", 25, {"phase": "load", "took": 4.0, "results": []}),
            ("closed", 25, {"outcome": "succeeded"}),
            ("checked", 59, {"phase": "validate.post", "window": "24h", "took": 2.0, "results": []}),
        )
    )
    assert (first.name, first.broke, second.broke) == ("load", "load", "")
    assert (third.title, third.took) == ("validate.post after 24h", 2.0)
    assert third.at and third.at.second == 57
