"""`invoke validate.*`: a release before it is deployed, and a deployment in the days after."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command
from deploy.tasks.phases import changing
from deploy.tasks.running import check_all, judge_due, judge_window

pre = changing(
    "validate.pre",
    "Tests, dry run and rehearsal of a release on a restored copy of the data; production is not touched.",
)


@command(
    default=True, since="judge the data since then: a time, or 6h for the last six hours (default: the deployment)"
)
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
    """Judge what is deployed: every item owed within the window, over the time since the deployment."""
    where = {"hosts": hosts, "limit": limit}
    judge_window(window, since, system, env, signoffs=signoffs, format=format, output=output, **where)


@command()
def due(context: Context, system: str | None = None, env: str | None = None, format: str = "text") -> None:
    """Judge the windows that are over and not judged yet; ends with 6 when one does not hold, or was missed."""
    judge_due(system, env, format)


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
    return Collection("validate", pre, post, due, all_)
