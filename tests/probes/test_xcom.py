"""A value compared with what another run pushed under the same key."""

from __future__ import annotations

import pytest

from deploy.probes.xcom import Value
from deploy.question import Data
from deploy.scope import Scope

LOAD = Value.model_validate(
    {
        "dag": "new",
        "run": "trial-1",
        "task": "load",
        "key": "stats",
        "at": "seconds",
        "against": {"dag": "old", "run": "measure-1", "task": "load_all"},
        "below": 0.5,
    }
)


def told(*seconds: object) -> tuple[Data, ...]:
    return tuple(Data({"value": {"seconds": one}}) for one in seconds)


@pytest.mark.parametrize(("seconds", "status"), [((1, 4), "pass"), ((2, 4), "fail"), ((0, 0), "unknown")])
def test_a_value_is_judged_as_a_part_of_the_other_runs(seconds: tuple[float, float], status: str) -> None:
    assert LOAD.judge(*told(*seconds)).status.value == status


def test_without_the_other_run_nothing_is_known() -> None:
    verdict = LOAD.judge(*told(1), Data(None))
    assert (verdict.status.value, verdict.found) == ("unknown", "load_all pushed no stats")


def test_both_runs_are_asked() -> None:
    assert [asked.path for asked in LOAD.ask(Scope())] == [
        "dags/new/dagRuns/trial-1/taskInstances/load/xcomEntries/stats",
        "dags/old/dagRuns/measure-1/taskInstances/load_all/xcomEntries/stats",
    ]
