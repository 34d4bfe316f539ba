"""Which of the two DAGs runs by its schedule: the original one, or the optimised one."""

from __future__ import annotations

from deploy.command import Command
from deploy.errors import StepFailed
from deploy.site import Site
from deploy.steps.airflow import appear, dag, pauses, pausing, set_pauses
from deploy.steps.base import Facts, Progress, Step
from deploy.steps.variables import equal, values, workflows
from deploy.workflows import Workflows


class SwitchScheduleStep(Step):
    """Pause the original DAG and unpause the optimised one; undone, every pause is again as it was found."""

    name = "switch-schedule"
    title = "switch the schedule to the optimised DAG"

    def plan(self) -> list[Command]:
        known = workflows(self)
        return [pausing(known.original, True), pausing(known.optimised, False)]

    def before(self) -> Facts:
        """The pauses as found, the first try's memory counting. Refused where a switch back would not resume runs.

        What an earlier step of this deployment paused was running when it began, and is found so.
        """
        known, site = workflows(self), self.deployment.site
        require_way_back(site, known)
        drained = self.deployment.facts.get("drain", {}).get("unpaused", [])
        now = {name: paused and name not in drained for name, paused in pauses(site, both(known)).items()}
        return {"pauses": {**now, **self.deployment.facts.get(self.name, {}).get("pauses", {})}}

    def done(self) -> bool:
        appear(self.deployment.site, both(workflows(self)), workflows(self).parse_timeout)
        return pauses(self.deployment.site, both(workflows(self))) == switched(workflows(self))

    def do(self, progress: Progress) -> Facts:
        return {"changed": set_pauses(self.deployment.site, switched(workflows(self)))}

    def undo_plan(self) -> list[Command]:
        found = self.deployment.facts.get(self.name, {}).get("pauses", {})
        return [pausing(name, paused) for name, paused in found.items()]

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        return {"changed": set_pauses(self.deployment.site, facts.get("pauses", {}))}


def both(known: Workflows) -> tuple[str, str]:
    return known.original, known.optimised


def switched(known: Workflows) -> dict[str, bool]:
    """The pauses after the switch."""
    return {known.original: True, known.optimised: False}


def require_way_back(site: Site, known: Workflows) -> None:
    """The original DAG has a schedule, and its own variables: unpaused again, it really runs."""
    found, wanted = dag(site, known.original), known.handover
    lacking = []
    if wanted.schedule and not found.get("timetable_summary"):
        lacking.append("it has no schedule")
    if found.get("has_import_errors"):
        lacking.append("it has import errors")
    now = values(site, wanted.variables)
    lacking += [_lack(name, now[name], value) for name, value in wanted.variables.items() if _lacks(now[name], value)]
    if lacking:
        raise StepFailed(f"A switch back to {known.original} would not resume its runs: {'; '.join(lacking)}.")


def _lacks(found: str | None, wanted: str | None) -> bool:
    return found is None or (wanted is not None and not equal(found, wanted))


def _lack(name: str, found: str | None, wanted: str | None) -> str:
    return f"the variable {name} is missing" if found is None else f"the variable {name} is {found!r}, not {wanted!r}"
