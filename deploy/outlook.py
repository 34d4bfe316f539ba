"""What would be done: a deployment's plan and a rollback's, as shell to paste. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from deploy import operate
from deploy.command import Command
from deploy.deployment import Deployment
from deploy.flow import ROLE, step_of
from deploy.gate import IN_FLOW
from deploy.reach import HERE
from deploy.rollback import WayBack
from deploy.secret import mask
from deploy.session import Session
from deploy.steps.base import Step
from deploy.system import Phase


def plan(session: Session, ref: str | None, phases: Sequence[Phase] | None = None) -> str:
    """The whole flow as shell: each phase's commands, and the items that are checked after them."""
    deployment = session.planned(ref)
    gate = session.gate()
    lines = [
        "#!/bin/sh",
        f"# {session.system.title}: {deployment.ref} ({deployment.commit[:12]}) to {session.environment.name}",
        "set -eu",
        *variables(session),
    ]
    for phase in phases or session.system.flow:
        lines += ["", f"# == {phase.name} =="]
        for name in phase.steps:
            step = step_of(name, deployment)
            lines += [f"# -- {step.title}{where(session, step)}", *(render(command) for command in step.plan())]
        lines += [f"# check {item.id}: {item.title}" for item in gate.items(phase.name, IN_FLOW)]
    return mask("\n".join(lines))


def where(session: Session, step: Step) -> str:
    """On which hosts a step's commands are to be run, where that is not this machine."""
    hosts = session.site.hosts(ROLE)
    named = hosts if step.each else hosts[:1]
    return "" if named == [HERE] else f" (on {', '.join(named)})"


def undoing(deployment: Deployment, step: Step, hosts: Sequence[str | None]) -> list[str]:
    """How a step is undone; where it was done host by host, on each of them."""
    lines = []
    for host in hosts:
        one = type(step)(deployment.at(host)) if host else step
        place = f" (on {host})" if host and host != HERE else ""
        lines += [f"# -- undo: {step.title}{place}", *(render(command) for command in one.undo_plan())]
    return lines


def variables(session: Session) -> list[str]:
    """The variables that the plan's commands use and a person must set: their names, never their values."""
    names = sorted(session.environment.secrets)
    for database, urls in sorted(session.environment.databases.items()):
        names += [f"{database.upper()}_URL"] + ([f"{database.upper()}_ADMIN_URL"] if urls.admin_url else [])
    names += ["AIRFLOW_API", "AIRFLOW_TOKEN"] if session.environment.airflow else []
    lines = [f': "${{{name}:?set it first}}"' for name in [*names, "DATABASE_URL", "PGPASSWORD"]]
    path = ":".join(session.environment.path)
    return [*lines, *([f'PATH="{path}:$PATH"'] if path else [])]


def render(command: Command) -> str:
    return (f"# {command.note}\n" if command.note else "") + command.shell()


def way_back(session: Session, to: str | None, choice: str) -> str:
    """What `rollback` would undo, in order, and what becomes of the data."""
    lines = []
    for journal in operate.chosen(session, to):
        deployment = session.of(journal)
        back = WayBack(deployment, journal, choice)
        way = back.way()
        deployment.database_choice = way
        target = deployment.previous or "no release"
        lines.append(
            f"# deployment {journal.id}: {PurePosixPath(deployment.release)} -> {target}; database: {TOLD[way]}"
        )
        for step in back.steps():
            lines += undoing(deployment, step, back.hosts(step.name))
    return mask("\n".join(lines))


TOLD = {
    "keep": "kept, with the rows written since (the migrations only add)",
    "down": "kept, its migrations taken back by their down.sql",
    "restore": "restored from the backup; what was written since is kept aside in the replaced database",
}
