"""Airflow's variables: set, read back, and put back as they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deploy.command import Command, Request
from deploy.errors import ConfigError, StepFailed
from deploy.probes.airflow import canonical
from deploy.site import Site
from deploy.steps.airflow import MISSING, change, parse_again, part, read
from deploy.steps.base import Facts, Progress, Step
from deploy.workflows import Workflows

Former = Mapping[str, str | None]  # None: there was none
MASKED = "***"


def values(site: Site, names: Iterable[str]) -> dict[str, str | None]:
    """The variables' values as Airflow tells them; None where there is none."""
    found = {name: read(site, f"variables/{part(name)}") for name in names}
    return {name: str(one["value"]) if one else None for name, one in found.items()}


def remembered(site: Site, names: Iterable[str], known: Former) -> dict[str, str | None]:
    """The values to put back one day; those that an earlier try remembered win, for it may have changed some.

    StepFailed for a value that Airflow masks: it could not be put back.
    """
    found = {**values(site, names), **known}
    masked = [name for name, value in found.items() if value and MASKED in value]
    if masked:
        raise StepFailed(f"Airflow masks the value of {', '.join(masked)}, so it could not be put back: not changed.")
    return found


def setting(name: str, value: str | None, there: bool) -> Request:
    """The request that gives a variable a value, or with None takes it away."""
    if value is None:
        return Request("DELETE", f"variables/{part(name)}", exits=MISSING, note=f"there was no variable {name}")
    body, note = {"key": name, "value": value}, f"{name} = {value}"
    if there:
        return Request("PATCH", f"variables/{part(name)}?update_mask=value", body, note=note)
    return Request("POST", "variables", body, note=note)


def set_values(site: Site, wanted: Former) -> list[str]:
    """Give each variable its value (None: take it away) and read all back; which ones changed."""
    now = values(site, wanted)
    changing = [name for name in wanted if not equal(now[name], wanted[name])]
    for name in changing:
        change(site, setting(name, wanted[name], now[name] is not None))
    after = values(site, wanted)
    wrong = [
        f"{name} is {after[name]!r}, not {wanted[name]!r}" for name in wanted if not equal(after[name], wanted[name])
    ]
    if wrong:
        raise StepFailed(f"Variables did not take their values: {'; '.join(wrong)}.")
    return changing


def equal(one: str | None, other: str | None) -> bool:
    return one == other if one is None or other is None else canonical(one) == canonical(other)


def workflows(step: Step) -> Workflows:
    """The system's `workflows:`; ConfigError where a flow has steps for them, and the system none."""
    found = step.deployment.system.workflows
    if found is None:
        where = f"{step.deployment.system.folder}/system.yaml"
        raise ConfigError(f"the flow has the step {step.name}, but `workflows:` is missing", where=where)
    return found


class ConfigureStep(Step):
    """Give the DAGs' variables the values for production, and have the DAGs read again."""

    name = "configure"
    title = "set the variables"

    @property
    def wanted(self) -> Mapping[str, str]:
        return workflows(self).variables

    def plan(self) -> list[Command]:
        return [setting(name, value, True) for name, value in self.wanted.items()]

    def before(self) -> Facts:
        """The values before; the first try's memory counts."""
        known = self.deployment.facts.get(self.name, {}).get("former", {})
        return {"former": remembered(self.deployment.site, self.wanted, known)}

    def done(self) -> bool:
        now = values(self.deployment.site, self.wanted)
        return all(equal(now[name], value) for name, value in self.wanted.items())

    def do(self, progress: Progress) -> Facts:
        changed = set_values(self.deployment.site, self.wanted)
        self._read_again(changed, progress)
        return {"changed": changed, "values": dict(self.wanted)}

    def _read_again(self, changed: list[str], progress: Progress) -> None:
        if changed:
            known = workflows(self)
            parse_again(self.deployment.site, [known.optimised], progress, known.parse_timeout)

    def undo_plan(self) -> list[Command]:
        former = self.deployment.facts.get(self.name, {}).get("former", {})
        return [setting(name, value, True) for name, value in former.items()]

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        """Former values come back, and what had none goes. The DAGs read them when they are parsed next."""
        return {"restored": set_values(self.deployment.site, facts.get("former", {}))}


class ScaleStep(ConfigureStep):
    """Give the variables the values of full size."""

    name = "scale"
    title = "scale up"

    @property
    def wanted(self) -> Mapping[str, str]:
        return workflows(self).scale
