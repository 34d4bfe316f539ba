"""The quick way back: the DAGs change places again in seconds, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from deploy.command import paste
from deploy.errors import ConfigError, PersonNeeded
from deploy.journal import Journal
from deploy.operate import Options, refuse_half_a_restore, taken_over
from deploy.rollback import WayBack, told
from deploy.secret import mask
from deploy.session import Session
from deploy.steps.airflow import pauses, pausing, set_pauses
from deploy.steps.schedule import both, require_way_back, switched
from deploy.view import View
from deploy.workflows import Workflows

STEP = "switch-schedule"
TRIED = "switch.tried"  # the journal's word for a switch there and back; `over` when all is as it was again


def switch_back(session: Session, options: Options, view: View) -> Journal:
    """Undo the switch of the schedule that is in force, and that alone, verified and journaled.

    All else of the deployment stays, and a full rollback later on undoes the rest. Raises ConfigError when no switch is
    in force, PersonNeeded when Airflow does not follow.
    """
    with _taken(session, _in_force(session), view) as journal:
        found: Mapping[str, bool] = session.of(journal).facts.get(STEP, {}).get("pauses", {})
        journal.append("undo.intended", step=STEP, quick=True, by=options.operator(session))
        done = _put_back(session, journal, found, "rollback --quick")
        journal.append("undo.done", step=STEP, quick=True, facts=done)
    view.say(f"As before the deployment: {_words(done['now'])}.")
    return journal


def try_switch(session: Session, options: Options, view: View) -> dict[str, Any]:
    """Switch to the other DAG and back again, reading the pauses each time; what was seen on the way.

    What a try that was cut off left behind is put right first. The pauses are put back whatever happens.
    """
    known, site = _workflows(session), session.site
    with _taken(session, _newest(session), view) as journal:
        _finish(session, journal, view)
        require_way_back(site, known)
        found = pauses(site, both(known))
        other = {name: not paused for name, paused in switched(known).items()}
        if found == other:
            other = switched(known)
        journal.append(TRIED, found=found, over=False, by=options.operator(session))
        try:
            set_pauses(site, other)
            there = pauses(site, both(known))
        finally:
            back = _put_back(session, journal, found, "trial.switch")
            journal.append(TRIED, found=found, over=True)
    view.say(f"{_words(found)}; there: {_words(there)}; back: {_words(back['now'])}.")
    return {"found": found, "there": there, "back": back["now"]}


def _finish(session: Session, journal: Journal, view: View) -> None:
    last = journal.last(TRIED)
    if last and not last["over"]:
        _put_back(session, journal, last["found"], "trial.switch")
        journal.append(TRIED, found=last["found"], over=True)
        view.say("A try that was cut off is put right.")


def _put_back(session: Session, journal: Journal, found: Mapping[str, bool], again: str) -> dict[str, Any]:
    """The pauses as they were found: what `changed`, and what they are `now`, read again.

    Where Airflow does not follow, a person must hear what they should be; the task `again` goes on from there.
    """
    try:
        return {"changed": set_pauses(session.site, found), "now": pauses(session.site, found)}
    except BaseException as error:
        journal.append("undo.failed", step=STEP, error=told(error))
        text = f"The DAGs could not be switched back. They should be: {_words(found)}.\n{told(error)}\nThen:"
        raise PersonNeeded(text, [f"invoke {again} --env={session.environment.name}"]) from error


def plan(session: Session) -> str:
    """What `switch_back` would do, as shell."""
    found: Mapping[str, bool] = session.of(_in_force(session)).facts.get(STEP, {}).get("pauses", {})
    return mask(paste([pausing(name, paused) for name, paused in found.items()]))


def plan_of_try(session: Session) -> str:
    """What `try_switch` would do, as shell: there and back."""
    there = switched(_workflows(session))
    back = [pausing(name, paused) for name, paused in there.items()]
    return mask(paste([*(pausing(name, not paused) for name, paused in there.items()), *back]))


@contextmanager
def _taken(session: Session, journal: Journal, view: View) -> Iterator[Journal]:
    """A deployment's journal, to write in under its lock."""
    refuse_half_a_restore(session)
    with taken_over(session, journal, view):
        yield session.archive.open(journal)


def _in_force(session: Session) -> Journal:
    """The journal of the newest deployment whose switch was not taken back; later ones found it done already."""
    for journal in reversed(session.archive.journals()):
        if journal.last("step.intended", step=STEP) and STEP in WayBack(session.of(journal), journal).begun():
            return journal
    fix = f"For all that was changed: invoke rollback --env={session.environment.name}"
    raise ConfigError("no switch of the DAGs is in force", where=session.environment.name, fix=fix)


def _newest(session: Session) -> Journal:
    journals = session.archive.journals()
    if not journals:
        raise ConfigError(f"nothing is deployed in {session.environment.name}", where=session.environment.name)
    return journals[-1]


def _workflows(session: Session) -> Workflows:
    if session.system.workflows is None:
        raise ConfigError("`workflows:` is missing", where=f"{session.system.folder}/system.yaml")
    return session.system.workflows


def _words(found: Mapping[str, bool]) -> str:
    return ", ".join(f"{name} {'paused' if paused else 'running'}" for name, paused in found.items())
