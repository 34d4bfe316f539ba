"""A checklist: what people read, and what a deployment is gated, validated and signed by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.probes.base import Probe
from deploy.result import Severity


@dataclass(frozen=True)
class Item:
    """One line of a checklist: a probe that is asked, a sign-off that a person gives, or a probe that a person signs.

    `due` is the span after a deployment at which it is owed (`1h`; empty: judged in the flow only), `over` the span of
    data that its probe looks at, `on` a host role, `only` the environments it applies to (none: all of them), `line`
    its line in the checklist, `sources` the owners' own ids for it.
    """

    id: str
    title: str
    phase: str
    section: str
    severity: Severity
    probe: Probe | None
    due: str = ""
    over: str = ""
    on: str = "app"
    only: tuple[str, ...] = ()
    action: str = ""
    note: str = ""
    line: int = 0
    sources: tuple[str, ...] = ()
    signoff: bool = False


@dataclass(frozen=True)
class Checklist:
    """The items of one file, in its order."""

    path: Path
    items: tuple[Item, ...]
