"""`invoke sandbox.*`: the embedded services and the practice systems of this checkout."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command, confirmed, emit, say


@command()
def start(context: Context) -> None:
    """Start PostgreSQL, the cache and the practice servers; make what is missing. Quick when all runs already."""
    from deploy.folders import PROJECT
    from deploy.sandbox import sandbox

    sandbox.start(PROJECT, say)
    status.body(context)


@command(default=True)
def status(context: Context) -> None:
    """Which services of the sandbox run, and on which ports."""
    from deploy.folders import PROJECT
    from deploy.sandbox import sandbox

    for service in sandbox.status(PROJECT):
        state = f"runs  pid {service.pid}" if service.pid else "stopped"
        emit(f"{service.name:<18}{state:<18}" + (f"port {service.port}" if service.port else ""))


@command()
def stop(context: Context) -> None:
    """Stop the sandbox's services; the data stays."""
    from deploy.folders import PROJECT
    from deploy.sandbox import sandbox

    sandbox.stop(PROJECT, say)


@command()
def reset(context: Context, force: bool = False) -> None:
    """Stop the sandbox and remove everything below .local/: data, releases, journals."""
    from deploy.folders import PROJECT
    from deploy.sandbox import sandbox

    if not force:
        confirmed("Remove the sandbox's data, releases and journals?", "--force")
    sandbox.reset(PROJECT)
    emit("The sandbox is gone; `scripts/invoke sandbox.start` makes a new one.")


def collection() -> Collection:
    return Collection("sandbox", start, status, stop, reset)
