"""Whether the release's files agree: `configuration.py keys|limits|taxonomy|alerts|client|show`.

Fed on standard input to the release's own Python, in the release's folder. Prints a line for each thing looked at, no
value of a key among them, and last `verdict: holds` or `verdict: does not hold`; exits 2 when a file cannot be read.
"""
# ruff: noqa: T201 - what it prints is its answer

from __future__ import annotations

import hashlib
import importlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path("engine/config")
KEYED = ("serper", "google_places", "open_charge_map")  # sources that answer nobody without a key
PLACEHOLDER = re.compile(r"(?i)your[_-]|_here$|change[_-]?me|^x{3,}|^<")
SCALARS = ("String", "Int", "Float", "Boolean", "DateTime", "Json", "BigInt", "Decimal")
LIMITS = ("requests_per_minute", "requests_per_hour")
CLASSES = {  # what the alerts must be about
    "failures": r"fail",
    "cost": r"cost",
    "degradation": r"degrad|seconds_per_record|duration|null_rate",
}
Finding = tuple[bool, str]


def read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((CONFIG / f"{name}.yaml").read_text(encoding="utf-8")))


def sources(enabled: bool = True) -> dict[str, dict[str, Any]]:
    """The sections of sources.yaml that are sources; by default those that are switched on."""
    sections = {name: section for name, section in read("sources").items() if isinstance(section, dict)}
    return {name: part for name, part in sections.items() if "enabled" in part and (part["enabled"] or not enabled)}


def keys() -> Iterator[Finding]:
    """Each enabled source is one that the engine knows, and has a real key where it needs one."""
    command = [sys.executable, "-m", "engine.ingestion.cli", "--list"]
    known = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    for name, section in sources().items():
        is_known = re.search(rf"\b{re.escape(name)}\b", known) is not None
        yield is_known, f"{name}: {'has' if is_known else 'there is no'} connector"
        if name in KEYED:
            value = expanded(str(section.get("api_key") or ""))
            real = len(value) >= 8 and not PLACEHOLDER.search(value)
            yield real, f"{name}: {'a key is set' if real else 'no real key'}"


def expanded(value: str) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ.get(match[1], ""), value)


def limits() -> Iterator[Finding]:
    """Each enabled source that a key is paid for has both limits, whole and positive, and they fit each other."""
    for name, section in sources().items():
        given = [(section.get("rate_limits") or {}).get(key) for key in LIMITS]
        minute, hour = (limit if type(limit) is int else 0 for limit in given)
        fits = 0 < minute <= hour <= minute * 60
        yield fits or name not in KEYED, f"{name}: {given[0]} a minute, {given[1]} an hour"


def taxonomy() -> Iterator[Finding]:
    """Keys are unique, parents and the targets of rules exist, patterns compile, confidences lie in 0..1."""
    data = read("canonical_categories")
    names = Counter(str(entry["category_key"]) for entry in data["taxonomy"])
    yield len(names) > 0 and max(names.values()) == 1, f"{len(names)} categories, {len(data['mapping_rules'])} rules"
    for entry in data["taxonomy"]:
        parent = entry.get("parent")
        if parent is not None and parent not in names:
            yield False, f"{entry['category_key']}: no category {parent}"
    for rule in data["mapping_rules"]:
        yield from rule_problems(rule, names)
    log = Path((data.get("promotion_config") or {}).get("unmapped_log_path") or "logs/unmapped_categories.log")
    lines = len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0
    yield lines == 0, f"{lines} values in {log} that no rule maps"


def rule_problems(rule: dict[str, Any], names: Counter[str]) -> Iterator[Finding]:
    if rule["canonical"] not in names:
        yield False, f"rule {rule['pattern']}: no category {rule['canonical']}"
    if not 0 <= float(rule["confidence"]) <= 1:
        yield False, f"rule {rule['pattern']}: confidence {rule['confidence']}"
    try:
        re.compile(rule["pattern"])
    except re.error as error:
        yield False, f"rule {rule['pattern']}: {error}"


def alerts() -> Iterator[Finding]:
    """There is an alert about failures, about cost and about degradation, each with a threshold and an action."""
    data = read("monitoring_alerts")
    defined = [alert for group in ("critical_alerts", "warning_alerts", "info_alerts") for alert in data.get(group, ())]
    for alert in defined:
        whole = alert.get("threshold") is not None and bool(alert.get("action"))
        yield whole, f"{alert.get('name')}: {alert.get('metric')} at {alert.get('threshold')}"
    for about, pattern in CLASSES.items():
        found = any(re.search(pattern, f"{alert.get('name')} {alert.get('metric')}".lower()) for alert in defined)
        yield found, f"about {about}: {'there' if found else 'none'}"


def models(path: str) -> dict[str, list[str]]:
    """Each model's columns in a Prisma schema; relations are no columns."""
    text = Path(path).read_text(encoding="utf-8")
    found = {}
    for name, body in re.findall(r"^model (\w+) \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        fields = re.findall(r"^\s+(\w+)\s+(\w+)", body, re.MULTILINE)
        found[name] = sorted(field for field, kind in fields if kind in SCALARS)
    return found


def client() -> Iterator[Finding]:
    """The generated client has the schema's models and columns, and was made from exactly this schema."""
    module = importlib.import_module("engine.generated_client")
    wanted, found = models("engine/schema.prisma"), {name: sorted(c) for name, c in module.MODELS.items()}
    yield bool(wanted) and wanted.keys() == found.keys(), f"models: {', '.join(sorted(found))}"
    for name in sorted(set(wanted).intersection(found)):
        if wanted[name] != found[name]:
            yield False, f"{name}: {', '.join(sorted(set(wanted[name]) ^ set(found[name])))}"
    digest = hashlib.sha256(Path("engine/schema.prisma").read_bytes()).hexdigest()
    yield digest == module.SCHEMA_SHA256, f"schema {digest[:12]}, client of {module.SCHEMA_SHA256[:12]}"


def show() -> Iterator[Finding]:
    """What a person should look at: field masks and default parameters of the sources."""
    for name, section in sources().items():
        mask = section.get("field_mask") or "no field_mask: the connector's own"
        yield True, f"{name}: {mask}; defaults {section.get('default_params') or 'none'}"


def main() -> int:
    asked = {f.__name__: f for f in (keys, limits, taxonomy, alerts, client, show)}[sys.argv[1]]
    try:
        findings = list(asked())
    except (OSError, KeyError, TypeError, ValueError, ImportError, AttributeError, subprocess.SubprocessError) as error:
        print(f"not seen: {type(error).__name__}: {error}")
        return 2
    for holds, text in findings:
        print(f"{'  ' if holds else '! '}{text}")
    print(f"verdict: {'holds' if findings and all(holds for holds, _ in findings) else 'does not hold'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
