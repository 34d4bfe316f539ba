"""A load that a DAG brings: triggered, followed and judged; Airflow does the work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from deploy.deployment import Deployment
from deploy.errors import StepFailed
from deploy.steps.airflow import read, set_pauses
from deploy.steps.load import LoadStep
from deploy.system import Load
from tests.backups.world import Said

pytestmark = pytest.mark.live


def loading(made: Deployment, dag: str) -> LoadStep:
    load = Load.model_validate(
        {"database": "airflow", "count": "select count(*) from dag where :load_id <> ''",
         "airflow": {"dag": dag, "conf": {"ref": "{ref}", "size": 2}, "timeout": 240}}
    )  # fmt: skip
    return LoadStep(replace(made, system=made.system.model_copy(update={"load": load})))


def test_a_dag_brings_the_load(deployment: Callable[..., Deployment]) -> None:
    made = deployment()
    step = loading(made, "shop_original")
    set_pauses(made.site, {"shop_original": True})
    with pytest.raises(StepFailed, match="is paused"):
        step.do(Said())
    set_pauses(made.site, {"shop_original": False})
    facts = step.do(Said())
    assert facts["rows"] >= 4 and facts["seconds"]["shop_original"] > 0
    conf = read(made.site, f"dags/shop_original/dagRuns/load-{made.id}")["conf"]
    assert conf == {"ref": "main", "size": 2, "load_id": made.load_id, "release": made.release}
    assert step.done()
    set_pauses(made.site, {"shop_original": True})


def test_a_load_that_fails_is_tried_anew_by_another_run(deployment: Callable[..., Deployment]) -> None:
    made = deployment()
    step = loading(made, "shop_fails")
    set_pauses(made.site, {"shop_fails": False})
    with pytest.raises(StepFailed, match=f"the run load-{made.id} ended as failed"):
        step.do(Said())
    assert not step.done()
    assert step.load.airflow and step._next_run(step.load.airflow).id == f"load-{made.id}-2"
