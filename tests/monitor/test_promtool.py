"""Prometheus' own tool accepts the rules, and finds them firing when they should and not before."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.checklists.checklist import load
from deploy.folders import PROJECT
from deploy.monitor.rules import LATE, Rules, alert_name
from tests.monitor.doubles import PLACE, alerts
from tests.monitor.test_metrics import LABELS, WHERE, rules

pytestmark = pytest.mark.live

PROMTOOL = "/usr/bin/promtool"
HOST = "{{ with $labels.host }} @{{ . }}{{ end }}"


def promtool(folder: Path, *words: str) -> None:
    done = subprocess.run([PROMTOOL, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def case(series: dict[str, str], *expected: tuple[str, str, list[dict[str, Any]]]) -> dict[str, Any]:
    """One case of `promtool test rules`: which alerts fire at which minute, and with which labels of their own."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": at, "alertname": name, "exp_alerts": alerts} for at, name, alerts in expected
        ],
    }


def fired(item: str | None, kind: str, *, host: bool = True) -> list[dict[str, Any]]:
    """What an alert of an item, or of the monitor itself, says when it fires."""
    name = alert_name(item) if item else LATE
    (rule,) = [
        rule
        for rule in yaml.safe_load(rules())["groups"][0]["rules"]
        if rule["alert"] == name and rule["labels"]["kind"] == kind
    ]
    notes = {
        key: text.replace("{{ with $labels.host }} @{{ . }}{{ end }}", " @h")
        for key, text in rule["annotations"].items()
    }
    return [{"exp_labels": {**rule["labels"], **({"host": "h"} if host else {})}, "exp_annotations": notes}]


def test_promtool_accepts_the_rules_and_finds_them_firing(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(rules())
    promtool(tmp_path, "check", "rules", "rules.yml")
    value = f'deploy_item_value{{item="failures", {LABELS}}}'
    status, unknown = (f'deploy_item_{name}{{item="%s", {LABELS}}}' for name in ("status", "unknown"))
    run = f"deploy_last_run_timestamp_seconds{{{WHERE}}}"
    fine = {status % "database": "1x30", unknown % "database": "0x30", run: "0+60x30"}
    tests = [
        case(  # at the threshold it holds; beyond it, it must last for ten minutes
            {value: "0.1x5 0.2x25", status % "failures": "1x5 0x25", unknown % "failures": "0x30", **fine},
            ("5m", "DeployFailures", []),
            ("15m", "DeployFailures", []),
            ("16m", "DeployFailures", fired("failures", "fail")),
            ("20m", "DeployDatabase", []),
            ("20m", "DeployMonitorLate", []),
        ),
        case(  # unknown is another kind than failing; it must last for two evaluations
            {status % "database": "1x5 0x25", unknown % "database": "0x5 1x25"},
            ("6m", "DeployDatabase", []),
            ("7m", "DeployDatabase", fired("database", "unknown")),
        ),
        case(  # what is not asked any more, and a monitor that stands still
            {status % "database": "1x5 stale", run: "0+60x5 300x30"},
            ("8m", "DeployDatabase", []),
            ("9m", "DeployDatabase", fired("database", "absent", host=False)),
            ("8m", "DeployMonitorLate", []),
            ("9m", "DeployMonitorLate", fired(None, "late", host=False)),
        ),
        case({}, ("0m", "DeployMonitorLate", fired(None, "late", host=False))),
    ]
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(document))
    promtool(tmp_path, "test", "rules", "test.yml")


@pytest.mark.parametrize("system", ["extraction_engine", "tiki_pipeline"])
def test_promtool_accepts_the_rules_of_each_system(tmp_path: Path, system: str) -> None:
    items = load(PROJECT / "deploy" / "systems" / system / "checklist.md").phase("monitor")
    (tmp_path / "rules.yml").write_text(Rules(replace(PLACE, system=system), alerts()).text(items))
    promtool(tmp_path, "check", "rules", "rules.yml")
