"""How workflows are described, and what Celery tells; no Airflow is needed for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.deployment import Deployment
from deploy.errors import CommandFailed, StepFailed
from deploy.probes.airflow import canonical
from deploy.site import Site
from deploy.steps.drain import SILENT, DrainStep, ResumeStep, active
from deploy.steps.trial import TrialStep
from deploy.system import Environment, Load, System
from deploy.workflows import Workflows

BOTH = {"original": "old", "optimised": "new"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"variables": {"workers": 5}}, "should be a valid string"),
        ({"optimised": "old"}, "are the same"),
        ({"trial": {"timeout": 0}}, "greater than 0"),
    ],
)
def test_what_is_no_description_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Workflows.model_validate({**BOTH, **given})


def test_a_load_has_commands_or_a_dag() -> None:
    with pytest.raises(ValidationError, match="either `commands` or `airflow`"):
        Load.model_validate({"count": "select 1"})
    assert Load.model_validate({"count": "select 1", "airflow": {"dag": "d"}}).commands == ()


def made(tmp_path: Path, api: Mapping[str, Any] | None = None, **workflows: Any) -> Deployment:
    described = {"name": "s", "title": "S", "folder": tmp_path, "flow": ["prereqs"], "workflows": {**BOTH, **workflows}}
    known = {"url": "http://127.0.0.1:1", "user": "u", "password": "p", **api} if api else None
    place = {"name": "test", "root": str(tmp_path), "repository": "", "airflow": known}
    environment = Environment.model_validate(place)
    system = System.model_validate(described)
    return Deployment("d", system, environment, Site(environment), "main", "c" * 40, None)


def test_what_celery_has_in_hand() -> None:
    assert active('->  a: OK\n{"a": [{"name": "execute_workload"}], "b": []}') == ["a: execute_workload"]
    for text in ("", "Traceback", "[]", "{"):
        with pytest.raises(StepFailed, match="Celery does not tell"):
            active(text)


@pytest.mark.parametrize(
    ("script", "found"),
    [("exit 69", [SILENT]), ("echo away >&2; exit 1", [f"{SILENT} (away)"]), ('echo {\\"a\\": []}', [])],
)
def test_a_worker_that_does_not_answer_may_be_at_work(tmp_path: Path, script: str, found: list[str]) -> None:
    drain = DrainStep(made(tmp_path, drain={"active": ["sh", "-c", script]}))
    (run,) = drain._celery()
    assert drain._active(run) == found
    (lost,) = DrainStep(made(tmp_path, drain={"active": ["nosuch-celery"]}))._celery()
    with pytest.raises(CommandFailed):
        drain._active(lost)


def test_celery_is_asked_where_the_command_line_of_airflow_is(tmp_path: Path) -> None:
    api = {"cli": ["env", "NAME=worker", "airflow"], "env": {"DOCKER_HOST": "there"}}
    told = 'echo "{\\"$NAME at $DOCKER_HOST\\": [{\\"name\\": \\"t\\"}]}"'
    drain = DrainStep(made(tmp_path, api, drain={"active": ["sh", "-c", told]}))
    (run,) = drain._celery()
    assert drain._active(run) == ["worker at there: t"]


@pytest.mark.parametrize(("facts", "asked"), [({"unpaused": ["old"]}, 1), ({"unpaused": ["old"], "waited": 2.0}, 0)])
def test_a_drain_that_was_finished_asks_celery_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], asked: int
) -> None:
    """Its workers may be stopped by now: that is what it was for."""
    drain, seen = DrainStep(made(tmp_path, drain={"active": ["celery"]})), list[Any]()
    drain.deployment.facts["drain"] = facts
    monkeypatch.setattr("deploy.steps.drain.busy", lambda site, names: iter(()))
    monkeypatch.setattr(DrainStep, "_unpaused", lambda self: [])
    monkeypatch.setattr(DrainStep, "_not_there_yet", lambda self: False)
    monkeypatch.setattr(DrainStep, "_active", lambda self, run: seen.append(run) or [])
    assert drain.done() and len(seen) == asked


def test_a_dag_that_was_handed_over_is_not_resumed(tmp_path: Path) -> None:
    resume = ResumeStep(made(tmp_path))
    resume.deployment.facts["drain"] = {"unpaused": ["old", "other"]}
    assert resume.wanted == ["old", "other"]
    resume.deployment.facts["switch-schedule"] = {"pauses": {"old": False, "new": True}}
    assert resume.wanted == ["other"]


def test_plans_are_requests_and_waits_to_paste(tmp_path: Path) -> None:
    step = TrialStep(made(tmp_path, trial={"variables": {"items": "2"}}))
    text = "\n".join(command.shell() for command in [*step.plan(), *DrainStep(step.deployment).plan()])
    assert '"logical_date": null, "dag_run_id": "trial-d"' in text
    assert "until curl" in text and '"state":"(success|failed)"' in text and '"total_entries":0' in text


def test_numbers_are_compared_as_airflow_writes_them() -> None:
    assert canonical("0.50") == canonical("0.5") != canonical("0.05")
    assert canonical('{"a":1}') == '{"a": 1}'
    assert canonical("/opt/data") == "/opt/data"
