"""The gate after each phase: its items are asked, waivers and sign-offs count, what is critical and open closes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from deploy import ask
from deploy.baseline import against
from deploy.checklists.checklist import Checklist, Item
from deploy.checklists.signoff import SignOff
from deploy.checklists.signoff import apply as sign
from deploy.checklists.waivers import Waiver
from deploy.checklists.waivers import apply as waive
from deploy.enough import IN_FLOW, partial
from deploy.errors import ConfigError
from deploy.result import Result, Status, closing
from deploy.scope import Scope
from deploy.site import Site

__all__ = ["IN_FLOW", "Gate", "Prompt", "skipped"]
Prompt = Callable[[Sequence[Result]], Sequence[SignOff]]


@dataclass
class Gate:
    """A checklist with its waivers and sign-offs, in one environment.

    `holds` tells whether pending sign-offs close the gate; `prompt` asks the person at the terminal for them, and
    `signoffs` grows by what that person signs. `passed` is how long ago the deployment was: items whose window has not
    passed yet are unknown; None judges all as they are. `baseline` are the numbers from before the deployment, by item.
    """

    checklist: Checklist
    waivers: Sequence[Waiver]
    signoffs: list[SignOff]
    holds: bool
    prompt: Prompt | None = None
    passed: timedelta | None = None
    baseline: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def items(self, phase: str, window: str | None = None) -> list[Item]:
        items = self.checklist.phase(phase, window)
        if not items:
            raise ConfigError(
                f"the phase {phase!r} has no items; a gate that checks nothing is no gate",
                where=str(self.checklist.path),
                fix=f"Write `## {phase}` with at least one item.",
            )
        return items

    def judge(
        self, phase: str, site: Site, scope: Scope, window: str | None = None, items: Iterable[Item] | None = None
    ) -> list[Result]:
        """Ask the phase's items; waivers and sign-offs count; who is at the terminal is asked for what is pending."""
        chosen = list(items) if items is not None else self.items(phase, window)
        results = ask.ask(against(chosen, self.baseline), site, scope)
        if self.passed is not None:
            results = partial(results, chosen, self.passed)
        results = self._counted(results)
        pending = [result for result in results if result.status is Status.PENDING]
        if pending and self.holds and self.prompt:
            self.signoffs += self.prompt(pending)
            results = self._counted(results)
        return results

    def _counted(self, results: Sequence[Result]) -> list[Result]:
        return waive(sign(results, self.signoffs), self.waivers)

    def closing(self, results: Iterable[Result]) -> list[Result]:
        """What closes the gate; where sign-offs are only shown, a pending one does not."""
        return [r for r in closing(results) if self.holds or r.status is not Status.PENDING]


def skipped(items: Iterable[Item], reason: str) -> list[Result]:
    """Results for items that do not apply here, with the reason."""
    return [
        replace(Result(item.id, item.title, item.phase, item.severity, Status.SKIPPED, due=item.due), found=reason)
        for item in items
    ]
