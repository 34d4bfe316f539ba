"""Results as metrics for Prometheus, in a file for node_exporter's textfile collector."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from deploy import durable
from deploy.errors import ConfigError
from deploy.monitor.messages import Place
from deploy.result import Result, Status

STATUS, UNKNOWN, VALUE = "deploy_item_status", "deploy_item_unknown", "deploy_item_value"
LAST_RUN = "deploy_last_run_timestamp_seconds"
LABELS = ("item", "phase", "severity", "system", "environment", "host")
ASKED = (Status.PASS, Status.FAIL, Status.UNKNOWN, Status.WAIVED)
NUMBER = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)(?: ?[^\s0-9][^0-9]*)?")  # and at most a unit


def value(found: str) -> float | None:
    """The number that was found, where that is a number with at most a unit: `0.12`, `31 %`, `42 GBP`."""
    match = NUMBER.fullmatch(found.strip())
    return float(match[1]) if match else None


def text(results: Iterable[Result], place: Place, now: datetime) -> str:
    """The metrics of one evaluation. What is skipped or awaits a signature has none.

    Unknown never holds, so its status is 0; it has no value, and neither has what is waived: its bounds are waived.
    """
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry = CollectorRegistry()
    status = Gauge(STATUS, "1: the item holds, or is waived; 0: it fails, or is unknown", LABELS, registry=registry)
    unknown = Gauge(UNKNOWN, "1: the item could not be asked or judged", LABELS, registry=registry)
    number = Gauge(VALUE, "what was found, where it is a number", LABELS, registry=registry)
    run = Gauge(LAST_RUN, "when the items were last asked", LABELS[3:5], registry=registry)
    run.labels(place.system, place.environment).set(now.timestamp())
    for result in (each for each in results if each.status in ASKED):
        labels = (result.item, result.phase, str(result.severity), place.system, place.environment, result.host)
        status.labels(*labels).set(result.status in (Status.PASS, Status.WAIVED))
        unknown.labels(*labels).set(result.status is Status.UNKNOWN)
        found = value(result.found)
        if found is not None and result.status in (Status.PASS, Status.FAIL):
            number.labels(*labels).set(found)
    return generate_latest(registry).decode()


def export(results: Sequence[Result], place: Place, now: datetime, path: Path) -> None:
    """Replace the file in one instant, readable by the collector's user. Raises ConfigError where it cannot be."""
    if path.suffix != ".prom":
        raise ConfigError("the collector reads only *.prom", where=str(path), fix="Name it like deploy.prom.")
    try:
        durable.replace(path, text(results, place, now), 0o644)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(path), fix="Check the folder.") from None
