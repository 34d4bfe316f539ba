"""`invoke probes`: what a checklist can ask."""

from __future__ import annotations

from invoke.context import Context

from deploy.tasks.base import command, emit, one_of


@command()
def probes(context: Context, format: str = "text", output: str | None = None) -> None:
    """Every probe with its parameters, their types and defaults, and an example."""
    from deploy.checklists import catalogue
    from deploy.probes import known_probes
    from deploy.reports import catalogue as printed

    rows = catalogue.describe_probes(known_probes())
    emit(one_of(format, text=printed.probes_text, json=printed.as_json)(rows), output)


TASKS = (probes,)
