"""A whole flow over Airflow that fails at its last gate: pauses and variables are again as they were found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.deployment import Deployment
from deploy.errors import DeploymentFailed
from deploy.flow import Flow
from deploy.journal import Journal
from deploy.session import Session, outcome
from deploy.steps.airflow import pauses, set_pauses
from deploy.steps.variables import set_values, values
from tests.flow.world import Silent

pytestmark = pytest.mark.live
CHECKLIST = """\
## configure

- [ ] The variables are set
  ```yaml
  {id: variables, probe: airflow.variables, values: {shop_new: "0.50"}}
  ```

## trial

- [ ] The trial's tasks succeeded, in order
  ```yaml
  {id: tasks, probe: airflow.tasks, dag: shop_optimised, run: "{trial_run}", tasks: [crawl, load], ordered: true}
  ```

## switch

- [ ] The original is paused
  ```yaml
  {id: original, probe: airflow.dag, dag: shop_original, paused: true}
  ```

- [ ] Something else, which does not hold
  ```yaml
  {id: another, probe: airflow.dag, dag: shop_another}
  ```

## rollback

- [ ] The original runs by its schedule
  ```yaml
  {id: back, probe: airflow.dag, dag: shop_original, paused: false, schedule: true}
  ```
"""
FLOW = [{"configure": ["drain", "configure", "resume"]}, {"trial": ["trial"]}, {"switch": ["switch-schedule"]}]


def test_a_deployment_that_fails_leaves_pauses_and_variables_as_found(
    deployment: Callable[..., Deployment], tmp_path: Path
) -> None:
    made = deployment(variables={"shop_new": "0.50"})
    (tmp_path / "checklist.md").write_text(CHECKLIST)
    made.system = type(made.system).model_validate({**made.system.model_dump(), "flow": FLOW})
    found = {"shop_original": False, "shop_optimised": True, "shop_slow": False, "shop_fails": True}
    set_pauses(made.site, found)
    set_values(made.site, {"shop_new": None})
    session, view = Session(made.system, made.environment, made.site), Silent()
    opened = {"ref": "main", "commit": made.commit, "previous": None, "release": made.release, "phases": []}
    journal = Journal.create(session.archive, made.id, **opened)
    with (
        session.lock(made.id) as lock,
        pytest.raises(DeploymentFailed, match="gate of switch is closed by another"),
    ):
        Flow(made, journal, session.gate(), view, lock).run(made.system.flow)
    assert [result.status for name in ("configure", "trial") for result in view.results[name]] == ["pass", "pass"]
    assert [result.status for result in view.results["switch"]] == ["pass", "fail"]
    assert pauses(made.site, found) == found
    assert values(made.site, ["shop_new"]) == {"shop_new": None}
    assert outcome(session.archive.journals()[-1]) == "rolled back"
