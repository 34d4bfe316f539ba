"""A small run of the original DAG: what the optimised one is compared with."""

from __future__ import annotations

from deploy.errors import ConfigError
from deploy.steps.trial import TrialStep
from deploy.steps.variables import workflows
from deploy.workflows import Trial


class MeasureStep(TrialStep):
    """Run the original DAG as small as the trial, once for each release: equal work gives times to compare.

    As of the trial, nothing of it is left: variables and pauses are put back whatever happens.
    """

    name = "measure"
    title = "run the original DAG, to compare with"

    @property
    def trial(self) -> Trial:
        found = workflows(self).measure
        if found is None:
            where = f"{self.deployment.system.folder}/system.yaml"
            raise ConfigError(f"the flow has the step {self.name}, but `workflows:` says nothing of it", where=where)
        return found

    @property
    def dag(self) -> str:
        return self.trial.dag or workflows(self).original

    @property
    def first_id(self) -> str:
        return f"{self.name}-{self.deployment.release}"

    def done(self) -> bool:
        """Whether this release was measured already, by this deployment or by an earlier one."""
        return super().done() if self.known else self.run(self.first_id).state() == "success"
