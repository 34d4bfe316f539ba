"""The phases as tasks of their own: a change followed by its checks, or checks alone."""

from __future__ import annotations

from invoke.context import Context

from deploy.tasks.base import command
from deploy.tasks.running import check_phase, run_phase


@command()
def prereqs(
    context: Context,
    system: str | None = None,
    env: str | None = None,
    signoffs: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Check what must be there before anything is changed."""
    check_phase("prereqs", system, env, signoffs=signoffs, format=format, output=output)


@command()
def release(
    context: Context,
    ref: str | None = None,
    system: str | None = None,
    env: str | None = None,
    by: str = "",
    signoffs: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Prepare a release folder and check it, without switching to it."""
    run_phase(context, "release", ref, system, env, by=by, signoffs=signoffs, format=format, output=output)


@command()
def migrate(
    context: Context,
    ref: str | None = None,
    system: str | None = None,
    env: str | None = None,
    by: str = "",
    signoffs: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Apply the pending migrations, after a backup with a receipt and a rehearsal on it, and check the schema."""
    run_phase(context, "migrate", ref, system, env, by=by, signoffs=signoffs, format=format, output=output)


@command()
def switch(
    context: Context,
    ref: str | None = None,
    system: str | None = None,
    env: str | None = None,
    by: str = "",
    signoffs: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Make a prepared release the current one."""
    run_phase(context, "switch", ref, system, env, by=by, signoffs=signoffs, format=format, output=output)


@command()
def load(
    context: Context,
    ref: str | None = None,
    system: str | None = None,
    env: str | None = None,
    by: str = "",
    signoffs: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Run the load of the release and check what it brought."""
    run_phase(context, "load", ref, system, env, by=by, signoffs=signoffs, format=format, output=output)


@command()
def monitor(
    context: Context,
    system: str | None = None,
    env: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Evaluate the alert thresholds once, against what is deployed."""
    check_phase("monitor", system, env, format=format, output=output)


TASKS = (prereqs, release, migrate, switch, load, monitor)
