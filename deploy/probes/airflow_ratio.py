"""What Airflow's variables come to together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from deploy.probes.airflow import part
from deploy.probes.base import Probe
from deploy.probes.bounds import Bounded, number
from deploy.question import Airflow, Data
from deploy.result import Verdict, unknown
from deploy.scope import Scope


class Ratio(Bounded, Probe):
    """One variable divided by another keeps to bounds: workers by the delay is the most that a crawl can do."""

    name: ClassVar[str] = "airflow.ratio"
    example: ClassVar[str] = "variable: workers\nby: delay\nabove: 30\nunit: ' a second'"
    variable: str
    by: str
    unit: str = ""

    def ask(self, scope: Scope) -> tuple[Airflow, ...]:
        return tuple(Airflow(f"variables/{part(scope.fill(name))}") for name in (self.variable, self.by))

    def judge(self, *found: Data) -> Verdict:
        values = [one.value.get("value") if isinstance(one.value, Mapping) else None for one in found]
        evidence = f"{self.variable} = {values[0]}, {self.by} = {values[1]}"
        try:
            above, below = number(values[0]), number(values[1])
            return self.verdict(float(above / below), self.unit, evidence)
        except (ValueError, ArithmeticError) as error:
            return unknown(self.text(self.unit), f"not two numbers: {error}", evidence)
