"""`invoke rollback`: back to the release before, or to any that is kept."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context

from deploy.tasks.base import command, emit, is_dry, opened
from deploy.tasks.running import options_of, shown


@command(default=True, quick="only switch the DAGs back, in seconds; the rest stays")
def now(
    context: Context,
    to: str | None = None,
    database: str = "auto",
    quick: bool = False,
    system: str | None = None,
    env: str | None = None,
    by: str = "",
    format: str = "text",
    output: str | None = None,
) -> None:
    """Take back the newest deployment that changed something (or all down to --to), then check."""
    from deploy import operate, outlook
    from deploy.rollback import choices

    if quick:
        switch_back(context, system, env, by)
        return
    session = opened(system, env, start=not is_dry(context))
    if is_dry(context):
        emit(outlook.way_back(session, to, choices(database)))
        return
    with shown(session, format, output) as view:
        operate.roll_back(session, to, choices(database), options_of(view, by=by), view)


def switch_back(context: Context, system: str | None, env: str | None, by: str) -> None:
    """The quick way: nothing but the schedules."""
    from deploy import quick

    session = opened(system, env, start=not is_dry(context))
    if is_dry(context):
        emit(quick.plan(session))
        return
    with shown(session) as view:
        quick.switch_back(session, options_of(view, by=by), view)


@command()
def plan(
    context: Context,
    to: str | None = None,
    database: str = "auto",
    system: str | None = None,
    env: str | None = None,
) -> None:
    """Print what a rollback would do, as shell; change nothing."""
    from deploy import outlook
    from deploy.rollback import choices

    emit(outlook.way_back(opened(system, env), to, choices(database)))


def collection() -> Collection:
    return Collection("rollback", now, plan)
