"""The DAGs of a system: the original and the optimised one, their variables, the trial, the hand-over between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from deploy.endpoints import Frozen

Values = Mapping[str, Annotated[str, Field(strict=True)]]  # Airflow's variables are texts: "5", not 5


class LoadDag(Frozen):
    """A load that Airflow runs: the toolkit triggers the DAG, follows the run and judges it.

    `conf` may refer to the scope's `{names}`; `load_id` and `release` are added to it.
    """

    dag: str
    conf: Mapping[str, Any] = {}
    timeout: float = Field(7200.0, gt=0)  # seconds until the run must have ended


class Trial(Frozen):
    """A small run of a DAG, with variables of its own, put back whatever happens."""

    dag: str | None = None  # default: the optimised one
    variables: Values = {}
    conf: Mapping[str, Any] = {}
    timeout: float = Field(1800.0, gt=0)  # seconds until the run must have ended
    database: str = "app"
    rows: str | None = None  # SQL, or a file of the system's folder: rows that arrived since `:since`


class Handover(Frozen):
    """What the original DAG needs to go on by itself after a switch back: its schedule, and these variables."""

    schedule: bool = True  # whether it has to have one
    variables: Mapping[str, str | None] = {}  # exact values; null: any value, but it must be there


class Drain(Frozen):
    """What is paused, and how long running work is waited for, before anything is stopped."""

    dags: tuple[str, ...] = ()  # default: every DAG that is not paused
    timeout: float = Field(900.0, gt=0)  # seconds
    active: tuple[str, ...] = ()  # argv of `celery inspect active --json`, run where Airflow's command line (`cli`) is


class Workflows(Frozen):
    """`variables` are set by the step configure, `scale` by the step scale; `metadata` is Airflow's own database."""

    original: str
    optimised: str
    variables: Values = {}
    scale: Values = {}
    trial: Trial = Trial()
    measure: Trial | None = None  # of the original DAG, as small as the trial: what the optimised one is compared with
    handover: Handover = Handover()
    drain: Drain = Drain()
    metadata: str | None = None
    parse_timeout: float = Field(120.0, gt=0)  # seconds for Airflow to read the DAGs again

    @model_validator(mode="after")
    def _two(self) -> Workflows:
        if self.original == self.optimised:
            raise ValueError("the original and the optimised DAG are the same")
        return self
