"""`invoke report.*`: the reports of deployments that were, read, written again, or side by side."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command, emit, one_of, opened

WHICH = "which deployment: its id, the beginning or end of it, or latest"


@command(default=True, name="open", id=WHICH)
def open_(context: Context, id: str = "latest", system: str | None = None, env: str | None = None) -> None:
    """Open the report of a deployment in the browser; where there is none, print where it lies."""
    from deploy.reading import page, show

    emit(show(page(opened(system, env), id)))


@command(id=WHICH)
def build(context: Context, id: str, system: str | None = None, env: str | None = None) -> None:
    """Write the reports of a deployment again from its journal."""
    from deploy import record

    emit("\n".join(str(path) for path in record.build(opened(system, env), id)))


@command(before=f"the earlier one; {WHICH}", after=f"the later one; {WHICH}", format="text or html")
def compare(
    context: Context,
    before: str,
    after: str,
    system: str | None = None,
    env: str | None = None,
    format: str = "",
    output: str | None = None,
) -> None:
    """Two deployments side by side: versions, items that changed, durations, numbers. An output *.html is a page."""
    from deploy.reading import comparison
    from deploy.reports import compare as side_by_side
    from deploy.reports import html

    chosen = format or ("html" if output and output.endswith(".html") else "text")
    printer = one_of(chosen, text=side_by_side.text, html=html.comparison)
    emit(printer(comparison(opened(system, env), before, after)), output)


def collection() -> Collection:
    return Collection("report", open_, build, compare)
