"""All that a checklist asks of what is deployed, at once: one batch of questions, one report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from deploy.flow import REHEARSED
from deploy.gate import Gate, skipped
from deploy.result import Result
from deploy.session import Session
from deploy.windows import remembered, since_deployment

SCRATCH = "asked of a release before it is deployed, on the scratch database: invoke validate.pre"
TRANSIENT = "asked in its own phase of a deployment only: a later phase changes what it asks for"
Phases = list[tuple[str, Sequence[Result], float]]


def everything(session: Session, gate: Gate, window: str) -> tuple[Phases, bool]:
    """The results of every phase, and whether no gate is closed. The seconds of a phase are its slowest answer's.

    What the scratch database was for, and what is transient, is skipped, and said so; the phase rollback is asked by a
    rollback only. Raises ConfigError when nothing is deployed.
    """
    deployment, gate.passed, gate.baseline = session.present(), since_deployment(session), remembered(session)
    due = [item for phase in session.system.flow for item in gate.items(phase.name, window)]
    rehearsed = {phase.name for phase in session.system.flow if phase.name == REHEARSED and phase.steps}
    scratch = [item for item in due if item.phase in rehearsed]
    passed = [item for item in due if item.transient and item not in scratch]
    asked = [item for item in due if item not in scratch and item not in passed]
    results = gate.judge("", session.site, deployment.scope(), items=asked)
    results += skipped(scratch, SCRATCH) + skipped(passed, TRANSIENT)
    order = {item.id: number for number, item in enumerate(gate.checklist.items)}
    results.sort(key=lambda result: order[result.item])  # stable: an item's hosts stay in their order
    return by_phase(results), not gate.closing(results)


def by_phase(results: Sequence[Result]) -> Phases:
    """The results, phase by phase as they come."""
    grouped = [(name, list(found)) for name, found in groupby(results, key=lambda result: result.phase)]
    return [(name, found, max(result.took for result in found)) for name, found in grouped]
