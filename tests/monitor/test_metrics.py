"""Metrics as Prometheus reads them, and rules that its own tools accept and find firing as they should."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.errors import ConfigError
from deploy.monitor import metrics
from deploy.monitor.rules import LATE, Rules, alert_name
from tests.monitor.doubles import PLACE, START, alerts, checklist, results

PROMTOOL = "/usr/bin/promtool"
HOST = "{{ with $labels.host }} @{{ . }}{{ end }}"
WHERE = 'system="shop", environment="prod"'
LABELS = f'phase="monitor", severity="critical", {WHERE}, host="h"'


def rules() -> str:
    return Rules(PLACE, alerts()).text(checklist().items)


@pytest.mark.parametrize(
    ("found", "number"),
    [
        ("0.12", 0.12),
        ("-3", -3.0),
        ("31 %", 31.0),
        ("42.5 GBP", 42.5),
        ("12GB", 12.0),
        ("NULL", None),
        ("3 of 20 samples", None),
        ("PostgreSQL 16.1 in 0.02 s", None),
        ("2026-01-01", None),
        ("", None),
    ],
)
def test_a_found_number_is_a_value(found: str, number: float | None) -> None:
    assert metrics.value(found) == number


def test_metrics_tell_holding_failing_unknown_and_waived_apart() -> None:
    text = metrics.text(results(database="unknown", failures="fail", queue="waived", page="skipped"), PLACE, START)
    lines = {line.split(" ")[0]: line.split(" ")[1] for line in text.splitlines() if not line.startswith("#")}
    told = {
        (key.partition("{")[0].removeprefix("deploy_"), item): value
        for key, value in lines.items()
        for item in ("database", "failures", "queue", "page")
        if f'item="{item}"' in key
    }
    assert told == {
        ("item_status", "database"): "0.0",
        ("item_status", "failures"): "0.0",
        ("item_status", "queue"): "1.0",
        ("item_unknown", "database"): "1.0",
        ("item_unknown", "failures"): "0.0",
        ("item_unknown", "queue"): "0.0",
        ("item_value", "failures"): "2.0",
    }
    assert 'deploy_last_run_timestamp_seconds{environment="prod",system="shop"} 1.7723664e+09' in text


def test_the_file_is_replaced_whole_and_readable_by_the_collector(tmp_path: Path) -> None:
    path = tmp_path / "deploy.prom"
    metrics.export(results(), PLACE, START, path)
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["deploy.prom"]
    for wrong in (tmp_path / "deploy.txt", tmp_path / "away" / "deploy.prom"):
        with pytest.raises(ConfigError):
            metrics.export(results(), PLACE, START, wrong)


def test_rules_carry_thresholds_spans_severities_and_actions() -> None:
    (group,) = yaml.safe_load(rules())["groups"]
    found = {(rule["alert"], rule["labels"]["kind"]): rule for rule in group["rules"]}
    assert len(found) == 4 * 3 + 1
    failing = found["DeployFailures", "fail"]
    assert failing["expr"].startswith(f'deploy_item_value{{item="failures", {WHERE}}} > 0.1 or (')
    assert failing["for"] == "10m"
    queue = found["DeployQueue", "fail"]
    assert " <= 0 or " in queue["expr"] and " > 100 or " in queue["expr"]
    assert (queue["for"], queue["labels"]["severity"]) == ("1m", "warning")
    database = found["DeployDatabase", "unknown"]
    assert database["annotations"]["action"] == "Restart it."
    assert database["annotations"]["runbook"] == "invoke monitor --system=shop --env=prod"


def test_what_would_be_a_template_stays_text() -> None:
    item = replace(checklist().by_id["database"], title='{{ query "up" }}', action="{{ .Bad")
    text = Rules(PLACE, alerts()).text([item])
    rule = yaml.safe_load(text)["groups"][0]["rules"][2]
    assert "{{" not in rule["annotations"]["summary"] + rule["annotations"]["action"]


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


@pytest.mark.live
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


@pytest.mark.live
@pytest.mark.parametrize("system", ["extraction_engine", "tiki_pipeline"])
def test_promtool_accepts_the_rules_of_each_system(tmp_path: Path, system: str) -> None:
    from deploy.checklists.checklist import load
    from deploy.folders import PROJECT

    items = load(PROJECT / "deploy" / "systems" / system / "checklist.md").phase("monitor")
    (tmp_path / "rules.yml").write_text(Rules(replace(PLACE, system=system), alerts()).text(items))
    promtool(tmp_path, "check", "rules", "rules.yml")
