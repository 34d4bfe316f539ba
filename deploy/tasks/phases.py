"""The phases as tasks of their own: a change followed by its checks, or checks alone."""

from __future__ import annotations

from typing import Any

from invoke.context import Context
from invoke.tasks import Task

from deploy.tasks.base import command
from deploy.tasks.running import check_phase, run_phase


def changing(phase: str, told: str) -> Task[Any]:
    """The task of a phase that changes something; `told` is its help. It is called by the phase's last word."""

    def body(
        context: Context,
        ref: str | None = None,
        system: str | None = None,
        env: str | None = None,
        by: str = "",
        signoffs: str | None = None,
        hosts: str | None = None,
        limit: str | None = None,
        format: str = "text",
        output: str | None = None,
    ) -> None:
        where = {"hosts": hosts, "limit": limit}
        run_phase(context, phase, ref, system, env, format=format, output=output, by=by, signoffs=signoffs, **where)

    body.__doc__ = told
    return command(name=phase.rpartition(".")[2])(body)


@command()
def prereqs(
    context: Context,
    system: str | None = None,
    env: str | None = None,
    signoffs: str | None = None,
    hosts: str | None = None,
    limit: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Check what must be there before anything is changed."""
    where = {"hosts": hosts, "limit": limit}
    check_phase("prereqs", system, env, signoffs=signoffs, format=format, output=output, **where)


TASKS = (
    prereqs,
    changing("release", "Prepare a release folder and check it, without switching to it."),
    changing("services", "Bring up the release's Compose project, and wait until it is healthy."),
    changing(
        "migrate",
        "Apply the pending migrations, after a backup with a receipt and a rehearsal on it, and check the schema.",
    ),
    changing("configure", "Set the variables of the DAGs, read back."),
    changing("switch", "Make a prepared release the current one."),
    changing("load", "Run the load of the release and check what it brought."),
    changing("scale", "Give the variables of the DAGs the values of full size."),
)
