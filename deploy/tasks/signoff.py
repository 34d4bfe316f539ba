"""`invoke signoff`: a person says that an item holds, any time after the deployment."""

from __future__ import annotations

from invoke.context import Context

from deploy.tasks.base import command, emit, opened


@command(
    item="which item of the checklist",
    by="who signs: a person's name",
    note="what they want noted",
    id="of which deployment: its id, the beginning or end of it (default: the one that is deployed)",
)
def signoff(
    context: Context,
    item: str,
    by: str,
    note: str = "",
    id: str | None = None,
    system: str | None = None,
    env: str | None = None,
) -> None:
    """Sign an item of a deployment; the signature goes into its journal and its report."""
    from deploy import signing

    paths = signing.sign(opened(system, env), item, by, note, id)
    emit("\n".join([f"{item} is signed by {by}.", *(f"  {path}" for path in paths)]))


TASKS = (signoff,)
