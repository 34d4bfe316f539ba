"""The steps on a real Airflow: what they change, what they find, and that nothing stays half changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploy.deployment import Deployment
from deploy.errors import StepFailed
from deploy.steps.airflow import DagRun, pauses, read, set_pauses, triggering
from deploy.steps.base import Step
from deploy.steps.drain import DrainStep, ResumeStep
from deploy.steps.metadata import MetadataStep
from deploy.steps.schedule import SwitchScheduleStep
from deploy.steps.trial import TrialStep
from deploy.steps.variables import ConfigureStep, ScaleStep, set_values, values
from tests.backups.world import Said

pytestmark = pytest.mark.live
Make = Callable[..., Deployment]
BOTH = ("shop_original", "shop_optimised")


def do(step: Step, progress: Said | None = None) -> dict[str, Any]:
    """As the flow does it: what is remembered is known before anything changes."""
    step.deployment.facts[step.name] = dict(step.before())
    step.deployment.facts[step.name] |= step.do(progress or Said())
    return step.deployment.facts[step.name]


def undo(step: Step) -> None:
    step.undo(step.deployment.facts[step.name], Said())


def test_variables_are_set_read_back_and_put_back(deployment: Make) -> None:
    made = deployment(variables={"shop_items": "5", "shop_new": "0.50"}, scale={"shop_items": "9"})
    site = made.site
    set_values(site, {"shop_items": "7", "shop_new": None})
    configure, scale = ConfigureStep(made), ScaleStep(made)
    assert not configure.done()
    assert do(configure)["former"] == {"shop_items": "7", "shop_new": None}
    assert configure.done() and not scale.done()
    configure.deployment.facts["configure"] |= configure.before()
    assert made.facts["configure"]["former"]["shop_items"] == "7", "a second try remembers what the first one found"
    undo(configure)
    undo(configure)
    assert values(site, ["shop_items", "shop_new"]) == {"shop_items": "7", "shop_new": None}


def test_a_trial_runs_with_its_own_values_and_leaves_nothing_behind(deployment: Make) -> None:
    rows = "select count(*) from dag_run where start_date >= :since and run_id like 'trial-%'"
    made = deployment(trial={"variables": {"shop_items": "3"}, "timeout": 240, "database": "airflow", "rows": rows})
    site, said = made.site, Said()
    set_pauses(site, {"shop_optimised": True})
    set_values(site, {"shop_items": "7"})
    told = do(TrialStep(made), said)
    assert (told["state"], told["tasks"]) == ("success", {"crawl": "success", "load": "success"})
    assert told["rows"] == 1 and told["seconds"] > 0 and "crawl: success" in said.lines
    path = f"dags/shop_optimised/dagRuns/{told['run_id']}/taskInstances/crawl/xcomEntries/products"
    assert len(read(site, path)["value"]) == 3, "the DAG was read again with the trial's values"
    assert pauses(site, ["shop_optimised"]) == {"shop_optimised": True}
    assert values(site, ["shop_items"]) == {"shop_items": "7"}
    assert made.scope().names["trial_run"] == told["run_id"]
    assert TrialStep(made).done()


def test_a_trial_that_fails_is_a_failure_and_leaves_nothing_behind(deployment: Make) -> None:
    made = deployment(trial={"dag": "shop_fails"})
    set_pauses(made.site, {"shop_fails": True})
    with pytest.raises(StepFailed, match=r"ended as failed \(breaks: failed, after: upstream_failed\)"):
        do(TrialStep(made))
    assert pauses(made.site, ["shop_fails"]) == {"shop_fails": True}
    assert TrialStep(made).before()["run_id"].endswith("-2"), "another try is another run"


class Impatient(Said):
    """A person who presses Ctrl-C as soon as something runs."""

    def say(self, text: str) -> None:
        super().say(text)
        if text == "sleeps: running":
            raise KeyboardInterrupt


def test_a_trial_that_is_interrupted_goes_on_nowhere(deployment: Make) -> None:
    made = deployment(trial={"dag": "shop_slow", "conf": {"seconds": 90}})
    set_pauses(made.site, {"shop_slow": True})
    with pytest.raises(KeyboardInterrupt):
        do(TrialStep(made), Impatient())
    run = DagRun(made.site, "shop_slow", made.facts["trial"]["run_id"])
    assert run.state() == "failed"
    assert pauses(made.site, ["shop_slow"]) == {"shop_slow": True}
    undo(TrialStep(made))


def test_a_trial_cut_off_by_a_kill_is_put_back_from_what_was_remembered(deployment: Make) -> None:
    made = deployment(trial={"dag": "shop_slow", "conf": {"seconds": 90}, "variables": {"shop_new": "1"}})
    site, step = made.site, TrialStep(made)
    set_pauses(site, {"shop_slow": True})
    made.facts["trial"] = dict(step.before())
    set_values(site, {"shop_new": "1"})
    run = step.run(made.facts["trial"]["run_id"])
    site.execute(triggering("shop_slow", run.id, {"seconds": 90}))
    set_pauses(site, {"shop_slow": False})
    assert not step.done()
    again = step.before()
    assert again == made.facts["trial"], "neither the trial's values nor another run are remembered"
    step.undo(again, Said())
    assert run.state() == "failed"
    assert (pauses(site, ["shop_slow"]), values(site, ["shop_new"])) == ({"shop_slow": True}, {"shop_new": None})


def test_draining_waits_for_what_runs_and_unpauses_only_what_it_paused(deployment: Make) -> None:
    made = deployment(drain={"dags": ["shop_original", "shop_slow", "shop_gone"], "timeout": 30})
    site, said = made.site, Said()
    before = {"shop_slow": False, "shop_fails": True, "shop_original": False, "shop_optimised": True}
    set_pauses(site, before)
    run = DagRun(site, "shop_slow", f"drained-{made.id}")
    site.execute(triggering("shop_slow", run.id, {"seconds": 2}))
    while run.tasks().get("sleeps") != "running":
        pass
    drain, resume = DrainStep(made), ResumeStep(made)
    assert not drain.done()
    assert sorted(do(drain, said)["unpaused"]) == ["shop_original", "shop_slow"]
    assert drain.done() and run.tasks() == {"sleeps": "success"}
    assert any("waiting for" in line and "shop_slow.sleeps" in line for line in said.lines), said.lines
    assert all(pauses(site, before).values())
    made.facts["drain"]["unpaused"].append("shop_gone_since")
    do(resume)
    assert resume.done() and pauses(site, before) == before
    undo(resume)
    made.facts["drain"]["unpaused"].remove("shop_gone_since")
    undo(drain)
    assert pauses(site, before) == before


def test_draining_gives_up_and_what_it_paused_runs_again(deployment: Make) -> None:
    made = deployment(drain={"dags": ["shop_slow"], "timeout": 1})
    set_pauses(made.site, {"shop_slow": False})
    run = DagRun(made.site, "shop_slow", f"long-{made.id}")
    made.site.execute(triggering("shop_slow", run.id, {"seconds": 60}))
    while run.tasks().get("sleeps") != "running":
        pass
    with pytest.raises(StepFailed, match=r"Still at work after 1 s: shop_slow\.sleeps"):
        do(DrainStep(made))
    undo(DrainStep(made))
    assert pauses(made.site, ["shop_slow"]) == {"shop_slow": False}
    assert run.end() and not run.end()
    set_pauses(made.site, {"shop_slow": True})


def test_the_schedule_is_switched_and_put_back_as_found(deployment: Make) -> None:
    made = deployment(handover={"variables": {"shop_items": None}})
    found = {"shop_original": False, "shop_optimised": True}
    set_pauses(made.site, found)
    set_values(made.site, {"shop_items": "7"})
    step = SwitchScheduleStep(made)
    assert not step.done()
    assert do(step)["changed"] == ["shop_original", "shop_optimised"], "paused first: never both at once"
    assert step.done() and pauses(made.site, BOTH) == {"shop_original": True, "shop_optimised": False}
    undo(step)
    undo(step)
    assert pauses(made.site, BOTH) == found
    set_pauses(made.site, dict.fromkeys(BOTH, True))
    made.facts.clear()
    do(step)
    undo(step)
    assert all(pauses(made.site, BOTH).values()), "what was paused before is not unpaused by the way back"


def test_a_switch_that_nobody_could_take_back_is_refused(deployment: Make) -> None:
    lacking = deployment(handover={"variables": {"nosuch": None, "shop_items": "99"}})
    set_values(lacking.site, {"shop_items": "7"})
    with pytest.raises(StepFailed, match="nosuch is missing; the variable shop_items is '7', not '99'"):
        SwitchScheduleStep(lacking).before()
    unknown = deployment(original="shop_gone", parse_timeout=0.1)
    with pytest.raises(StepFailed, match=r"has no DAG shop_gone, not even after 0\.1 s"):
        SwitchScheduleStep(unknown).done()
    unscheduled = deployment(original="shop_slow")
    with pytest.raises(StepFailed, match="it has no schedule"):
        SwitchScheduleStep(unscheduled).before()


def test_metadata_goes_forward_only(deployment: Make) -> None:
    step = MetadataStep(deployment(metadata="airflow"))
    found = step.before()
    assert found["revision"] and step.done()
    assert step.undo(found, Said()) == {"kept": True}
    assert [command.shell().endswith("db migrate") for command in step.plan()] == [True]
