"""`invoke probes`: what a checklist can ask."""

from __future__ import annotations

from invoke.context import Context

from deploy.tasks.base import command, emit


@command()
def probes(context: Context, format: str = "text", output: str | None = None) -> None:
    """Every probe with its parameters, their types and defaults, and an example."""
    from deploy.probes import known_probes
    from deploy.reports import catalogue

    emit(catalogue.probes(known_probes(), format), output)


TASKS = (probes,)
