"""Metrics and alerting rules, as Prometheus reads them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from deploy.errors import ConfigError
from deploy.monitor import metrics
from deploy.monitor.rules import Rules
from tests.monitor.doubles import PLACE, START, alerts, checklist, results

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
