"""All that a checklist asks of what is deployed, at once: one batch of questions, one report."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from deploy.checklists.item import Item
from deploy.flow import REHEARSED
from deploy.gate import Gate, skipped
from deploy.result import Result
from deploy.session import Session

WHY = "asked of a release before it is deployed, on the scratch database: invoke validate.pre"
Phases = list[tuple[str, Sequence[Result], float]]


def everything(session: Session, gate: Gate, window: str) -> tuple[Phases, bool]:
    """The results of every phase, and whether no gate is closed. The seconds of a phase are its slowest answer's.

    What the scratch database was for is skipped, and said so; the phase rollback is asked by a rollback only. Raises
    ConfigError when nothing is deployed.
    """
    deployment = session.present()
    asked, left_out = apart(session, gate, window)
    results = gate.judge("", session.site, deployment.scope(), items=asked) + skipped(left_out, WHY)
    order = {item.id: number for number, item in enumerate(gate.checklist.items)}
    results.sort(key=lambda result: order[result.item])  # stable: an item's hosts stay in their order
    return by_phase(results), not gate.closing(results)


def apart(session: Session, gate: Gate, window: str) -> tuple[list[Item], list[Item]]:
    """The items to ask of what is deployed, and those that only a rehearsal can answer."""
    asked: list[Item] = []
    left_out: list[Item] = []
    for phase in session.system.flow:
        rehearsed = phase.name == REHEARSED and phase.steps
        (left_out if rehearsed else asked).extend(gate.items(phase.name, window))
    return asked, left_out


def by_phase(results: Sequence[Result]) -> Phases:
    """The results, phase by phase as they come."""
    grouped = [(name, list(found)) for name, found in groupby(results, key=lambda result: result.phase)]
    return [(name, found, max(result.took for result in found)) for name, found in grouped]
