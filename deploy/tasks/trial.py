"""`invoke trial`: a small run of what was deployed, and the quick way back tried out."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command, emit, is_dry, opened
from deploy.tasks.phases import changing
from deploy.tasks.running import options_of, shown


@command()
def switch(context: Context, system: str | None = None, env: str | None = None, by: str = "") -> None:
    """Switch to the other DAG and back again, verified each time; nothing is left changed."""
    from deploy import quick

    session = opened(system, env, start=not is_dry(context))
    if is_dry(context):
        emit(quick.plan_of_try(session))
        return
    with shown(session) as view:
        quick.try_switch(session, options_of(view, by=by), view)


def collection() -> Collection:
    run = changing("trial", "Try a small run with its own values, judge it, and put everything back.")
    tasks = Collection("trial", switch)
    tasks.add_task(run, name="run", default=True)
    return tasks
