"""`invoke deploy.*`: the whole flow, and what is known of earlier ones."""

from __future__ import annotations

from typing import Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import Task

from deploy.discover import environment_names, find_systems
from deploy.tasks.base import command, emit, is_dry, opened
from deploy.tasks.running import options_of, shown

RESERVED = ("status", "history", "resume", "unlock")


@command(default=True)
def status(context: Context, system: str | None = None, env: str | None = None, format: str = "text") -> None:
    """What is deployed, which windows are owed, who holds the lock, and whether a deployment was cut off."""
    from deploy import standing

    emit(standing.show(opened(system, env), format))


@command(verify="check the journals' hash chain")
def history(
    context: Context, system: str | None = None, env: str | None = None, verify: bool = False, format: str = "text"
) -> None:
    """All deployments, newest first; with --verify whether any record was changed, cut off or taken away."""
    from deploy import standing

    session = opened(system, env)
    emit(standing.verified(session, format) if verify else standing.history(session, format))


@command()
def resume(
    context: Context,
    system: str | None = None,
    env: str | None = None,
    by: str = "",
    signoffs: str | None = None,
    auto_rollback: bool = True,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Go on with the deployment that was cut off: each step is asked whether it is already done."""
    from deploy import operate

    session = opened(system, env, start=True)
    with shown(session, format, output) as view:
        options = options_of(view, by=by, signoffs=signoffs, auto_rollback=auto_rollback)
        operate.resume(session, options, view)


@command()
def unlock(context: Context, system: str | None = None, env: str | None = None) -> None:
    """Remove the lock of a deployer that no longer runs; refuses while it lives."""
    from deploy import operate

    emit(operate.unlock(opened(system, env)))


def to(environment: str) -> Task[Any]:
    """The task that deploys to one environment."""

    def body(
        context: Context,
        ref: str | None = None,
        system: str | None = None,
        by: str = "",
        signoffs: str | None = None,
        auto_rollback: bool = True,
        off_hours: bool = False,
        yes: bool = False,
        hosts: str | None = None,
        limit: str | None = None,
        format: str = "text",
        output: str | None = None,
    ) -> None:
        from deploy import operate, outlook

        session = opened(system, environment, start=not is_dry(context), hosts=hosts, limit=limit)
        if is_dry(context):
            emit(outlook.plan(session, ref))
            return
        given = {"by": by, "signoffs": signoffs, "auto_rollback": auto_rollback, "off_hours": off_hours}
        with shown(session, format, output) as view:
            operate.deploy(session, ref, options_of(view, yes=yes, **given), view)

    body.__doc__ = f"Deploy to {environment}: every phase of the flow, gated, journaled, rolled back if it fails."
    return command(name=environment)(body)


def environments() -> list[str]:
    """The environments of all systems found, without reading more than their names."""
    from deploy.folders import folders

    names = {name for folder in find_systems(folders()).values() for name in environment_names(folder)}
    return sorted(names - set(RESERVED))


def collection() -> Collection:
    tasks = Collection("deploy", status, history, resume, unlock)
    for name in environments():
        tasks.add_task(to(name))
    return tasks
