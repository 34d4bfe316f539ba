"""`invoke incident.*`: what went wrong, what people still have to write down about it, and its end."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command, emit, opened

WHICH = "which deployment: its id, the beginning or end of it, or latest: the newest that was rolled back"


@command(default=True, id=WHICH)
def show(context: Context, id: str = "latest", system: str | None = None, env: str | None = None) -> None:
    """Where the incident of a deployment stands, and which of its fields are still empty."""
    from deploy import incidents

    emit(incidents.show(opened(system, env), id))


@command(id=WHICH)
def close(context: Context, id: str, by: str = "", system: str | None = None, env: str | None = None) -> None:
    """Close an incident whose fields are all filled in; what they say goes into the journal."""
    from deploy import incidents

    paths = incidents.close(opened(system, env), id, by)
    emit("\n".join(["The incident is closed.", *(f"  {path}" for path in paths)]))


def collection() -> Collection:
    return Collection("incident", show, close)
