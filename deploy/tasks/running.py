"""What the tasks share that check or change something: options, the view, results in the format asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from deploy.tasks.base import asked, emit, is_dry, opened

if TYPE_CHECKING:
    from deploy.checklists.signoff import SignOff
    from deploy.operate import Options
    from deploy.reports.screen import Screen
    from deploy.result import Result
    from deploy.session import Session
    from deploy.windows import Judged


@contextmanager
def shown(session: Session, format: str = "text", output: str | None = None) -> Iterator[Screen]:
    """The view of a flow; in another format than text, or with an output file, its results come whole at the end.

    They come also when the flow fails. The view itself then stands on standard error.
    """
    from deploy.reports import printed
    from deploy.reports.screen import Screen

    printed.known(format)
    screen, failed = Screen(aside=format != "text"), True
    try:
        yield screen
        failed = False
    finally:
        screen.pause()
        if printed.validates(name for name, _, _ in screen.phases):
            screen.outcome(signoffs_hold=session.environment.signoffs == "hold", failed=failed)
        if (format != "text" or output) and screen.phases:
            emit(as_asked(session, screen.phases, format, failed=failed), output)


def as_asked(
    session: Session,
    phases: Sequence[tuple[str, Sequence[Result], float]],
    format: str,
    more: Mapping[str, str] | None = None,
    *,
    failed: bool = False,
) -> str:
    from deploy.reports import printed

    about = {"system": session.system.name, "environment": session.environment.name}
    about |= (more or {}) if format == "json" else {}
    holds = session.environment.signoffs == "hold"
    return printed.results(phases, format, about=about, signoffs_hold=holds, failed=failed)


def options_of(view: Screen, *, yes: bool = False, **options: Any) -> Options:
    """The operator's options; questions are asked only at a terminal, and never with --yes."""
    from deploy.checklists import signoff
    from deploy.operate import Options

    def prompt(pending: Sequence[Result]) -> Sequence[SignOff]:
        view.pause()
        return signoff.ask_for(pending)

    if yes or not sys.stdin.isatty():
        return Options(**options)
    return Options(confirm=asked, prompt=prompt, **options)


def check_phase(
    phase: str,
    system: str | None,
    env: str | None,
    *,
    signoffs: str | None = None,
    format: str = "text",
    output: str | None = None,
    hosts: str | None = None,
    limit: str | None = None,
) -> None:
    """Ask one phase's items, show them in the format that was asked for, and end with 6 when the gate is closed."""
    from deploy import operate
    from deploy.reports import printed
    from deploy.reports.screen import Screen

    printed.known(format)
    session = opened(system, env, start=True, hosts=hosts, limit=limit)
    options = options_of(Screen(aside=True), signoffs=signoffs)
    results, is_open, took = operate.check(session, phase, options)
    emit(as_asked(session, [(phase, results, took)], format), output)
    operate.require_open(phase, is_open)


def check_all(
    system: str | None, env: str | None, *, window: str, signoffs: str | None, format: str, output: str | None
) -> None:
    """Ask the items of all phases, show them as one report, and end with 6 when a gate is closed."""
    from deploy import checking, operate
    from deploy.reports import printed
    from deploy.reports.screen import Screen

    printed.known(format)
    session = opened(system, env, start=True)
    options = options_of(Screen(aside=True), signoffs=signoffs)
    phases, is_open = checking.everything(session, session.gate(options.signoffs, options.prompt), window)
    emit(as_asked(session, phases, format), output)
    operate.require_open("validate.all", is_open)


def judge_window(
    window: str,
    since: str | None,
    system: str | None,
    env: str | None,
    *,
    signoffs: str | None = None,
    format: str = "text",
    output: str | None = None,
    hosts: str | None = None,
    limit: str | None = None,
) -> None:
    """Judge a window, show and keep what was found, and end with 6 when its gate is closed."""
    from datetime import UTC, datetime

    from deploy import operate, windows
    from deploy.reports import printed
    from deploy.reports.screen import Screen

    printed.known(format)
    begin = windows.since_of(since, datetime.now(UTC))
    session = opened(system, env, start=True, hosts=hosts, limit=limit)
    options = options_of(Screen(aside=True), signoffs=signoffs)
    judged = windows.judge(session, options, window, begin)
    text = as_asked(session, [("validate.post", judged.results, judged.took)], format, judged.about())
    emit(f"{judged.told}\n{text}" if format == "text" else text, output)
    kept(session, judged, whole=not (hosts or limit))
    operate.require_open("validate.post", judged.is_open)


def kept(session: Session, judged: Judged, *, whole: bool = True) -> None:
    """Keep what was found in the deployment's journal; what was asked of some hosts only is not kept.

    A closed gate is told before a lock that somebody else holds.
    """
    from deploy import windows
    from deploy.errors import LockHeld, PersonNeeded
    from deploy.session import announce

    if not whole or judged.journal is None:
        announce(f"not kept: {NOT_OF_ALL if not whole else NOT_WHOLE}")
        return
    try:
        paths = windows.keep(session, judged)
    except LockHeld as error:
        announce(f"not kept: {error}")
        if judged.is_open:
            raise
        return
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise PersonNeeded(f"What was found is not kept: {error.strerror}{where}.", ["invoke deploy.status"]) from error
    announce(f"report: {paths[0]}")


def judge_due(system: str | None, env: str | None, format: str) -> None:
    """Judge the longest window that is due, with all before it; GateClosed when one does not hold or was missed."""
    from deploy import windows
    from deploy.reports import printed
    from deploy.reports.screen import Screen

    printed.known(format)
    session = opened(system, env, start=True)
    before = windows.due(session)
    if before:
        judged = windows.judge(session, options_of(Screen(aside=True), yes=True), before[-1].window)
        text = as_asked(session, [("validate.post", judged.results, judged.took)], format, judged.about())
        emit(f"{judged.told}\n{text}" if format == "text" else text)
        kept(session, judged)
    elif format == "text":
        emit(windows.next_due(session))
    windows.require_kept_up(session, before, windows.owed(session))


NOT_OF_ALL = "not all hosts were asked"
NOT_WHOLE = "the current release came by single phases, not by a whole deployment that owes windows"


def run_phase(
    context: Context,
    phase: str,
    ref: str | None,
    system: str | None,
    env: str | None,
    *,
    format: str = "text",
    output: str | None = None,
    hosts: str | None = None,
    limit: str | None = None,
    **options: Any,
) -> None:
    """One phase for itself, under lock and journal, after the phases before it that touch nothing."""
    from deploy import operate, outlook

    session = opened(system, env, start=not is_dry(context), hosts=hosts, limit=limit)
    phases = operate.alone(session, phase)
    if is_dry(context):
        emit(outlook.plan(session, ref, phases))
        return
    with shown(session, format, output) as view:
        operate.run(session, ref, phases, options_of(view, **options), view)
