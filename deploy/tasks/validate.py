"""`invoke validate.*`: a release before it is deployed, and a deployment in the days after."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command
from deploy.tasks.phases import changing
from deploy.tasks.running import check_all, check_phase

pre = changing(
    "validate.pre",
    "Tests, dry run and rehearsal of a release on a restored copy of the data; production is not touched.",
)


@command(default=True, since="judge the data since then (ISO time; default: since the deployment)")
def post(
    context: Context,
    window: str = "1h",
    since: str | None = None,
    system: str | None = None,
    env: str | None = None,
    signoffs: str | None = None,
    hosts: str | None = None,
    limit: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Judge what is deployed: every item owed within the window."""
    where = {"hosts": hosts, "limit": limit}
    span = {"window": window, "since": since}
    check_phase("validate.post", system, env, signoffs=signoffs, format=format, output=output, **span, **where)


@command(name="all")
def all_(
    context: Context,
    window: str = "1h",
    system: str | None = None,
    env: str | None = None,
    signoffs: str | None = None,
    format: str = "text",
    output: str | None = None,
) -> None:
    """Judge what is deployed by the items of all phases at once, from the prerequisites on."""
    check_all(system, env, window=window, signoffs=signoffs, format=format, output=output)


def collection() -> Collection:
    return Collection("validate", pre, post, all_)
