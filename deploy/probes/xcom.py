"""What Airflow's tasks hand on to each other: by key, type, size and value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from deploy.probes.airflow import part
from deploy.probes.airflow_runs import run_path
from deploy.probes.base import Probe
from deploy.probes.bounds import Bounded, Limits, number
from deploy.probes.reading import every
from deploy.question import Airflow, Data
from deploy.result import Verdict, unknown
from deploy.scope import Scope

Kind = Literal["list", "object", "text", "integer", "number", "boolean", "null"]
KINDS: dict[type, str] = {list: "list", dict: "object", str: "text", bool: "boolean", type(None): "null"}
LONGEST = 300  # characters of a value that are shown


class Entry(BaseModel):
    """What one key should hold: a type, a size, names of an object, those of its parts that must not be empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: str
    key: str
    type: Kind
    size: Limits = Limits()  # items of a list, names of an object, characters of a text
    fields: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    counts: str | None = None  # the key (of those listed) whose size this number is

    def trouble(self, value: Any, sizes: Mapping[str, int | None]) -> str:
        """What is wrong with a value; empty when nothing is."""
        found, size = kind(value), sizes.get(self.key)
        if found != self.type and not (self.type == "number" and found == "integer"):
            return f"{found}, not {self.type}"
        if self.size.bounded() and not self.size.holds(size):
            return f"its size is {size}, not {self.size.text()}"
        if lacking := [name for name in (*self.fields, *self.filled) if name not in value]:
            return f"lacks {', '.join(lacking)}"
        if empty := [name for name in self.filled if value[name] in (None, "", [], {})]:
            return f"nothing in {', '.join(empty)}"
        if self.counts and value != sizes.get(self.counts):
            return f"{value}, but {self.counts} has {sizes.get(self.counts)}"
        return ""


class Keys(Probe):
    """A run's tasks pushed these keys, with their types and sizes."""

    name: ClassVar[str] = "xcom.keys"
    example: ClassVar[str] = "dag: nightly\nrun: '{trial_run}'\nkeys:\n- {task: crawl, key: products, type: list}"
    dag: str
    run: str
    keys: tuple[Entry, ...] = Field(min_length=1)

    def ask(self, scope: Scope) -> tuple[Airflow, ...]:
        return tuple(Airflow(entry_path(scope, self.dag, self.run, entry.task, entry.key)) for entry in self.keys)

    def judge(self, *found: Data) -> Verdict:
        values = [one.value.get("value") if isinstance(one.value, Mapping) else None for one in found]
        sizes = {entry.key: sized(value) for entry, value in zip(self.keys, values, strict=True)}
        lines = []
        for entry, one, value in zip(self.keys, found, values, strict=True):
            trouble = entry.trouble(value, sizes) if isinstance(one.value, Mapping) else "absent"
            lines.append([trouble or "as expected", entry.key, shown(value, sizes.get(entry.key))])
        expected = ", ".join(f"{entry.key}: {entry.type}" for entry in self.keys)
        return every(expected, lines, {"as expected"})


class Other(BaseModel):
    """Another run's task, which pushed a value under the same key."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    dag: str
    run: str
    task: str


class Value(Bounded, Probe):
    """A value that a task pushed, or one of its parts (`at: load.seconds`), keeps within bounds.

    With `against` it is judged as a part of what another run's task pushed.
    """

    name: ClassVar[str] = "xcom.value"
    example: ClassVar[str] = "dag: nightly\nrun: '{trial_run}'\ntask: crawl\nkey: stats\nat: rate\nabove: 30"
    dag: str
    run: str
    task: str
    key: str
    at: str = ""
    against: Other | None = None

    def ask(self, scope: Scope) -> tuple[Airflow, ...]:
        own, other = entry_path(scope, self.dag, self.run, self.task, self.key), self.against
        if other is None:
            return (Airflow(own),)
        return Airflow(own), Airflow(entry_path(scope, other.dag, other.run, other.task, self.key))

    def judge(self, *found: Data) -> Verdict:
        values = []
        for data, task in zip(found, (self.task, self.against.task if self.against else ""), strict=False):
            if not isinstance(data.value, Mapping):
                return unknown(self.text(), f"{task} pushed no {self.key}")
            try:
                values.append(inside(data.value.get("value"), self.at))
            except KeyError as error:
                return unknown(self.text(), f"there is no {error.args[0]} in it", shown(data.value.get("value")))
        evidence = " against ".join(shown(data.value["value"]) for data in found if isinstance(data.value, Mapping))
        return self._compared(values, evidence) if self.against else self.verdict(values[0], evidence=evidence)

    def _compared(self, values: Sequence[Any], evidence: str) -> Verdict:
        unit = f" of that of {self.against.dag}" if self.against else ""
        try:
            return self.verdict(float(number(values[0]) / number(values[1])), unit, evidence)
        except (ValueError, ArithmeticError) as error:
            return unknown(self.text(unit), f"not two numbers to compare: {error}", evidence)


def inside(value: Any, path: str) -> Any:
    """The part of a value at `load.seconds`; KeyError names what is not there."""
    for name in filter(None, path.split(".")):
        if not isinstance(value, Mapping) or name not in value:
            raise KeyError(name)
        value = value[name]
    return value


def kind(value: object) -> str:
    """The JSON type of a value."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "integer" if isinstance(value, int) else "number"
    return KINDS.get(type(value), type(value).__name__)


def sized(value: object) -> int | None:
    """How much is in a value; None for what has no size."""
    return len(value) if isinstance(value, list | dict | str) else None


def shown(value: object, size: int | None = None) -> str:
    """A value for people, cut; with its size and its length as JSON."""
    text = json.dumps(value, ensure_ascii=False)
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    sizes = f"{size} entries, {len(text)} bytes: " if size is not None else ""
    return f"{kind(value)}, {sizes}{cut}"


def entry_path(scope: Scope, dag: str, run: str, task: str, key: str) -> str:
    return f"{run_path(scope, dag, run)}/taskInstances/{part(task)}/xcomEntries/{part(key)}"
