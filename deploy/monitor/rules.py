"""Alerting rules for Prometheus from the same items: the same thresholds, spans, severities and actions.

Each item has three alerts of one name, told apart by the label `kind`: it fails, it is unknown, it has no data at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from deploy import duration, plain
from deploy.checklists.item import Item
from deploy.endpoints import Alerts
from deploy.monitor.messages import Place
from deploy.monitor.metrics import LAST_RUN, STATUS, UNKNOWN, VALUE
from deploy.monitor.operate import MISSED
from deploy.probes.sql import Value
from deploy.result import Severity

BROKEN = {"above": "<=", "below": ">=", "at_least": "<", "at_most": ">"}  # how a value looks that breaks a bound
LATE = "DeployMonitorLate"


@dataclass(frozen=True)
class Rules:
    """What the rules of one environment are made of."""

    place: Place
    alerts: Alerts

    def text(self, items: Iterable[Item]) -> str:
        """A rule file: one group, evaluated as often as the items are asked at most."""
        rules = [rule for item in items if self._applies(item) for rule in self._of(item)]
        name = f"deploy-{self.place.system}-{self.place.environment}"
        groups = [{"name": name, "rules": [*rules, self._late()]}]
        head = f"# Alerting rules for {self.place}; made by `invoke monitor.rules` from its checklist.\n"
        return head + yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=110)

    def _applies(self, item: Item) -> bool:
        asked = item.probe is not None and not item.signoff
        return asked and (not item.only or self.place.environment in item.only)

    def _of(self, item: Item) -> Iterator[dict[str, Any]]:
        lasting = duration.parse(item.lasting) if item.lasting else (self.alerts.after - 1) * self.alerts.every
        selector = self._selector(item=item.id)
        status, unknown = f"{STATUS}{selector}", f"{UNKNOWN}{selector}"
        fails = f"{status} == 0 unless {unknown} == 1"
        broken = list(thresholds(item, f"{VALUE}{selector}"))
        expr = " or ".join([*broken, f"({fails})"]) if broken else fails
        yield self._rule(item, "fail", expr, lasting)
        yield self._rule(item, "unknown", f"{unknown} == 1", lasting)
        yield self._rule(item, "absent", f"absent({status})", self.alerts.every * MISSED)

    def _rule(self, item: Item, kind: str, expr: str, lasting: timedelta) -> dict[str, Any]:
        words = {"fail": "does not hold", "unknown": "is unknown", "absent": "is not asked any more"}
        at = "" if kind == "absent" else "{{ with $labels.host }} @{{ . }}{{ end }}"
        labels = {"item": item.id, "kind": kind, "severity": str(item.severity), "phase": item.phase}
        note = {"summary": f"{_text(item.title)}{at}: {words[kind]}", "runbook": self.place.command}
        if item.action:
            note["action"] = _text(item.action)
        return self._alert(alert_name(item.id), expr, lasting, labels, note)

    def _late(self) -> dict[str, Any]:
        """A monitor that stopped leaves its last numbers behind, and they may look well."""
        run, span = f"{LAST_RUN}{self._selector()}", int((MISSED * self.alerts.every).total_seconds())
        labels = {"kind": "late", "severity": str(Severity.CRITICAL)}
        note = {
            "summary": f"The monitor of {self.place} has not run for {duration.text(MISSED * self.alerts.every)}",
            "runbook": self.place.command,
            "action": "Look at its timer or crontab line, and run it by hand.",
        }
        return self._alert(LATE, f"time() - {run} > {span} or absent({run})", timedelta(0), labels, note)

    def _alert(
        self, name: str, expr: str, lasting: timedelta, labels: dict[str, str], note: dict[str, str]
    ) -> dict[str, Any]:
        place = {"system": self.place.system, "environment": self.place.environment}
        span = {"for": duration.text(lasting)} if lasting else {}
        return {"alert": name, "expr": expr, **span, "labels": {**labels, **place}, "annotations": note}

    def _selector(self, **labels: str) -> str:
        known = {**labels, "system": self.place.system, "environment": self.place.environment}
        return "{" + ", ".join(f'{key}="{value}"' for key, value in known.items()) + "}"


def alert_name(item: str) -> str:
    """`DeployFailureRate` for the item `failure-rate`."""
    return "Deploy" + "".join(word.capitalize() for word in item.split("-"))


def thresholds(item: Item, value: str) -> Iterator[str]:
    """The item's own bounds as PromQL, for a single value in the unit of its bounds; of others the status tells."""
    if not isinstance(item.probe, Value) or item.probe.each:
        return
    for name, operator in BROKEN.items():
        limit = getattr(item.probe, name)
        if limit is not None:
            yield f"{value} {operator} {limit:f}"


def _text(text: str) -> str:
    """Text in an annotation: Prometheus reads braces as a template."""
    return plain.line(text, 500).replace("{{", "{ {").replace("}}", "} }")
