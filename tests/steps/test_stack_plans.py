"""What the steps of a Compose project would do, as shell: it can be pasted, and it never removes data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.command import Command, paste
from deploy.deployment import Deployment
from deploy.errors import ConfigError
from deploy.site import Site
from deploy.steps.stack import ServicesStep, StackStep, StoresStep
from deploy.system import Environment, System

SHELLCHECK = Path(sys.executable).with_name("shellcheck")
COMPOSE = {"files": ["a.yaml", "b.yaml"], "env_file": "{shared}/.env", "stores": ["db"], "services": ["web", "worker"]}
A, B = "a" * 12, "b" * 12


def deployment(previous: str | None = B, **environment: Any) -> Deployment:
    given = {"name": "t", "root": "/srv/it's", "repository": "", "secrets": {"DB_PASSWORD": "hush-hush-hush"}}
    described = {"name": "s", "title": "S", "folder": "/", "flow": ["prereqs"], "compose": COMPOSE}
    where = Environment.model_validate({**given, "docker": {"project": "p"}, **environment})
    return Deployment("d", System.model_validate(described), where, Site(where), "main", "a" * 40, previous)


def step(kind: type[StackStep], facts: dict[str, Any], previous: str | None = B) -> StackStep:
    made = deployment(previous)
    made.facts[kind.name] = facts
    return kind(made)


PLANS: dict[str, tuple[list[Command], str]] = {
    "stores": (StoresStep(deployment()).plan(), "up -d --no-deps --no-build db"),
    "services": (ServicesStep(deployment()).plan(), "up -d --no-deps --no-build --remove-orphans web worker"),
    "stores-back": (step(StoresStep, {"link": f"releases/{B}", "ran": ["db"]}).undo_plan(), f"releases/{B}"),
    "stores-stopped": (step(StoresStep, {"link": "", "ran": []}).undo_plan(), "stop db"),
    "stores-left": (step(StoresStep, {"link": "", "ran": ["db"]}).undo_plan(), "rm -f"),
    "services-back": (step(ServicesStep, {"ran": ["web"]}).undo_plan(), f"releases/{B}"),
    "services-stopped": (step(ServicesStep, {"ran": []}).undo_plan(), "stop web worker"),
    "services-of-a-first-release": (step(ServicesStep, {}, None).undo_plan(), "stop web worker"),
}


@pytest.mark.parametrize("name", PLANS)
def test_each_plan_is_shell_that_can_be_pasted_and_keeps_data_and_secrets(name: str) -> None:
    commands, part = PLANS[name]
    text = paste(commands)
    run = [str(SHELLCHECK), "-s", "sh", "-S", "warning", "-"]
    checked = subprocess.run(run, input=text, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    assert part in text
    assert "hush" not in text
    assert not {"down", "-v", "--volumes", "--renew-anon-volumes", "-V"} & set(text.split())


def test_stores_that_ran_before_any_release_are_not_stopped() -> None:
    commands, _ = PLANS["stores-left"]
    assert " stop " not in paste(commands)


def test_another_engine_is_named_to_compose_and_to_the_wait() -> None:
    made = deployment(docker={"project": "p", "socket": "/run/other.sock"})
    text = paste(ServicesStep(made).plan())
    assert text.count("DOCKER_HOST=unix:///run/other.sock") == 2


def test_what_is_not_described_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="docker:"):
        StoresStep(deployment(docker=None)).plan()
