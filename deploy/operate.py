"""What an operator does: deploy, resume, roll back, run one phase, check one phase."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from getpass import getuser
from typing import Any

from deploy import hours
from deploy.deployment import Deployment
from deploy.errors import ConfigError, DeploymentFailed, GateClosed, PersonNeeded
from deploy.flow import Flow, step_of
from deploy.gate import Gate, Prompt
from deploy.journal import Journal
from deploy.lock import Lock
from deploy.owed import signatures
from deploy.record import write_record
from deploy.result import Result
from deploy.rollback import Rollback, touched
from deploy.session import Session, closed, new_id
from deploy.steps.release import MARK
from deploy.system import Phase
from deploy.view import View


@dataclass(frozen=True)
class Options:
    """How an operator wants it: see the tasks' help for each."""

    by: str = ""
    signoffs: str | None = None
    auto_rollback: bool = True
    off_hours: bool = False
    confirm: Callable[[str], bool] | None = None  # None: ask nothing, refuse instead
    prompt: Prompt | None = None

    def operator(self, session: Session) -> str:
        """Who does this: as given, else the environment's operator, else the user of this machine."""
        return self.by or session.environment.operator or getuser()


def deploy(session: Session, ref: str | None, options: Options, view: View) -> Journal:
    """The whole flow of the system, for one ref. Returns its journal; raises as `Flow.run` does."""
    return run(session, ref, session.system.flow, options, view)


def run(session: Session, ref: str | None, phases: Sequence[Phase], options: Options, view: View) -> Journal:
    welcome(session, options)
    gate = session.gate(options.signoffs, options.prompt)
    identity = new_id()
    with session.holding(session.lock(identity)) as lock:
        refuse_unfinished(session)
        deployment = session.deployment(identity, ref)
        journal = Journal.create(session.archive, **opening(session, deployment, options, phases, lock))
        with recorded(session, deployment, journal, gate, view):
            Flow(deployment, journal, gate, view, lock).run(phases, auto_rollback=options.auto_rollback)
    return journal


def opening(
    session: Session, deployment: Deployment, options: Options, phases: Sequence[Phase], lock: Lock
) -> dict[str, Any]:
    """What the journal's first record says."""
    holder = lock.mine
    assert holder, "the lock is held"
    return {
        "deployment": deployment.id,
        "system": session.system.name,
        "environment": session.environment.name,
        "ref": deployment.ref,
        "commit": deployment.commit,
        "release": deployment.release,
        "previous": deployment.previous,
        "phases": [phase.name for phase in phases],
        "by": options.operator(session),
        "host": holder.host,
        "pid": holder.pid,
        "token": holder.token,
    }


@contextmanager
def recorded(session: Session, deployment: Deployment, journal: Journal, gate: Gate, view: View) -> Iterator[None]:
    """However it ends, the report (and after a rollback the incident) is written from the journal.

    Steps' own troubles are the flow's. What comes up here is a journal that cannot be written: nothing is done that is
    not in it, so a person must make room first.
    """
    try:
        yield
    except OSError as error:
        name = session.environment.name
        raise PersonNeeded(
            f"The journal cannot be written, so nothing more was done ({error.strerror}: {journal.path}). Then:",
            [f"invoke rollback --env={name}"],
        ) from error
    finally:
        _report(session, deployment, journal, gate, view)


def _report(session: Session, deployment: Deployment, journal: Journal, gate: Gate, view: View) -> None:
    """Write the reports; what keeps them from being written never hides how the deployment itself ended."""
    ending = sys.exc_info()[1]
    try:
        for path in write_record(session, deployment, journal, gate):
            view.say(f"{'page' if path.suffix == '.html' else path.stem}: {path}")
    except OSError as error:
        view.say(f"The report could not be written: {error.strerror}.")
    except Exception as error:
        if ending is None:
            raise
        view.say(f"The report could not be written: {type(error).__name__}: {error}.")


def welcome(session: Session, options: Options) -> None:
    """Outside the environment's hours: ask, or refuse where nobody can be asked."""
    wanted = session.environment.hours
    if wanted is None or options.off_hours or hours.inside(wanted, datetime.now(UTC)):
        return
    told = f"It is outside the hours of {session.environment.name} ({hours.text(wanted)})."
    if options.confirm is None or not options.confirm(f"{told} Deploy all the same?"):
        raise ConfigError(told, where="hours", fix="Wait for them, or give --off-hours.")


def refuse_unfinished(session: Session) -> None:
    """A deployment that was cut off is finished or taken back first; a second one on top of it would hide it."""
    refuse_half_a_restore(session)
    journal = session.unfinished()
    if journal:
        name = session.environment.name
        raise PersonNeeded(
            f"Deployment {journal.id} was cut off. First go on with it, or take it back:",
            [f"invoke deploy.resume --env={name}", f"invoke rollback --env={name}"],
        )


def refuse_half_a_restore(session: Session) -> None:
    """A backup's restore that was cut off is no deployment: only the same command finishes it."""
    journal = session.unfinished()
    backup = journal and journal.records[0].get("backup")
    if backup:
        raise PersonNeeded(
            f"The restore of backup {backup} was cut off. First run it again:",
            [f"invoke backup.restore --env={session.environment.name} --id={backup}"],
        )


@contextmanager
def taken_over(session: Session, journal: Journal, view: View) -> Iterator[Lock]:
    """The lock for a deployment that was cut off; its own dead holder makes way, anybody else's lock does not."""
    lock = session.lock(journal.id)
    holder = lock.holder()
    if holder and holder.deployment == journal.id and not lock.alive(holder):
        lock.break_dead()
        view.say(f"taken over from {holder}, which no longer runs")
    with session.holding(lock):
        yield lock


def resume(session: Session, options: Options, view: View) -> Journal:
    """Go on with the deployment that was cut off, forward, or back if it was on its way back."""
    refuse_half_a_restore(session)
    found = session.unfinished()
    if found is None:
        raise ConfigError("no deployment was cut off, there is nothing to resume", where=session.environment.name)
    gate = session.gate(options.signoffs, options.prompt)
    with taken_over(session, found, view) as lock:
        journal = session.archive.open(found)
        gate.signoffs += signatures(journal)
        deployment = session.of(journal)
        journal.append("resumed", by=options.operator(session), token=lock.token)
        with recorded(session, deployment, journal, gate, view):
            if going_back(journal):
                finish_rollback(deployment, journal, gate, view)
            else:
                phases = [phase for phase in session.system.flow if phase.name in journal.records[0]["phases"]]
                Flow(deployment, journal, gate, view, lock).run(phases, auto_rollback=options.auto_rollback)
    return journal


def going_back(journal: Journal) -> bool:
    """Whether a deployment was on its way back. One that failed, and stays so as asked, goes on once that is mended."""
    failed = journal.last("failed")
    return bool(journal.last("rollback.started") or (failed and not failed.get("stays")))


def finish_rollback(deployment: Deployment, journal: Journal, gate: Gate, view: View) -> None:
    started = journal.last("rollback.started")
    automatic = bool(started["automatic"]) if started else True
    way = str(started["way"]) if started else "auto"
    choice = "auto" if way == "down" else way
    way_back = Rollback(deployment, journal, gate, view, choice=choice, automatic=automatic)
    if not touched(journal):
        way_back.tidy()
        raise DeploymentFailed(f"Deployment {deployment.id} is stopped; production was not touched.")
    way_back.run("Resumed.")
    if automatic:  # what a person asked for has succeeded; what went back by itself had failed
        raise DeploymentFailed(f"Deployment {deployment.id} is rolled back.")


def roll_back(session: Session, to: str | None, choice: str, options: Options, view: View) -> list[Journal]:
    """Take back the newest deployment that changed something, or all down to the release `to`."""
    refuse_half_a_restore(session)
    journals = chosen(session, to)
    require_releases(session, journals)
    gate = session.gate(options.signoffs, options.prompt)
    done = []
    for found in journals:
        with taken_over(session, found, view) as lock:
            journal = session.archive.open(found)
            deployment = session.of(journal)
            journal.append("resumed", by=options.operator(session), token=lock.token)
            with recorded(session, deployment, journal, gate, view):
                way_back = Rollback(deployment, journal, gate, view, choice=choice)
                if touched(journal):
                    way_back.run(f"Asked for by {options.operator(session)}.")
                else:
                    way_back.tidy()
        done.append(journal)
    return done


def chosen(session: Session, to: str | None) -> list[Journal]:
    """The journals to take back, newest first."""
    candidates = [j for j in reversed(session.archive.journals()) if taken(j)]
    if not candidates:
        raise ConfigError("there is no deployment to roll back", where=session.environment.name)
    if to is None:
        return candidates[:1]
    for index, journal in enumerate(candidates):
        if (journal.records[0]["previous"] or "").startswith(to):
            return candidates[: index + 1]
    known = [str(journal.records[0]["previous"]) for journal in candidates]
    raise ConfigError(f"no deployment came after the release {to!r}", where="--to", fix=f"Known: {', '.join(known)}")


def require_releases(session: Session, journals: Sequence[Journal]) -> None:
    """The releases to go back to are still kept; said before anything is taken back, not half-way."""
    for previous in [journal.records[0]["previous"] for journal in journals if touched(journal)]:
        folder = session.layout.release(previous) if previous else None
        if folder and session.site.read(str(folder / MARK)) is None:
            fix = f"Deploy it again instead: invoke deploy.{session.environment.name} --ref={previous}"
            raise ConfigError(f"the release {previous} is not kept any more", where=str(folder), fix=fix)


def taken(journal: Journal) -> bool:
    """Whether a deployment changed something that was not taken back: one that is open counts."""
    if not touched(journal):
        return not closed(journal)
    last = journal.last("closed")
    return not closed(journal) or (last is not None and last["outcome"] == "succeeded")


def alone(session: Session, phase: str) -> list[Phase]:
    """A phase for itself, after the phases before it that touch nothing: its way back and its rehearsal.

    A backup needs no release to be made first, and must not fail with one.
    """
    flow = list(session.system.flow)
    names = [one.name for one in flow]
    if phase not in names:
        where, fix = f"{session.system.folder / 'system.yaml'}", f"It has: {', '.join(names)}"
        raise ConfigError(f"the flow of {session.system.name} has no phase {phase!r}", where=where, fix=fix)
    index = names.index(phase)
    probe = Deployment("", session.system, session.environment, session.site, "", "", None)
    earlier = flow[:index] if phase != "backup" else []
    before = [p for p in earlier if p.steps and not any(step_of(s, probe).touches for s in p.steps)]
    return [*before, flow[index]] if flow[index].steps else [flow[index]]


def check(session: Session, phase: str, options: Options) -> tuple[list[Result], bool, float]:
    """Ask one phase's items of what is deployed; the results, whether the gate is open, and the seconds it took."""
    from deploy.windows import remembered  # which needs our options

    gate = session.gate(options.signoffs, options.prompt)
    deployment = session.deployment(new_id()) if phase == "prereqs" else session.present()
    gate.baseline, began = remembered(session), time.monotonic()
    results = gate.judge(phase, session.site, deployment.scope())
    return results, not gate.closing(results), round(time.monotonic() - began, 3)


def require_open(phase: str, is_open: bool) -> None:
    if not is_open:
        raise GateClosed(f"The gate of {phase} is closed.")


def unlock(session: Session) -> str:
    """Remove the lock of a holder that no longer runs; says who it was. Raises LockHeld while it lives."""
    session.refresh()
    lock = session.lock("")
    holder = lock.break_dead()
    if holder is None:
        return "There is no lock."
    return f"Unlocked: it was held by {holder}."
