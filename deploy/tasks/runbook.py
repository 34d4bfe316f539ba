"""`invoke runbook`: the runbook of one environment."""

from __future__ import annotations

from invoke.context import Context

from deploy.tasks.base import command, emit, opened


@command()
def runbook(
    context: Context,
    ref: str | None = None,
    system: str | None = None,
    env: str | None = None,
    output: str | None = None,
) -> None:
    """Print the environment's runbook: commands to paste, thresholds, signatures, contacts, and the plan as shell."""
    from deploy import runbook as made

    emit(made.runbook(opened(system, env), ref), output)


TASKS = (runbook,)
