"""Every recorded answer is judged as it was when it was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.probes import known_probes
from deploy.result import Status

from .asking import RECORDED, decoded, judge

FILES = sorted(RECORDED.glob("*/*.json"))
OTHERS = {"backup", "migrations"}  # families that are tested where what they look at is made
IMPOSSIBLE = {
    ("env.set", "missing"),
    ("machine.tools", "missing"),
    ("redis.ping", "fails"),
    ("airflow.login", "denied"),
    ("compose.version", "denied"),
}  # no tool, no "no"


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_recorded_answers_are_judged_alike(file: Path) -> None:
    recorded = json.loads(file.read_text(encoding="utf-8"))
    probe = known_probes()[recorded["probe"]].model_validate(recorded["parameters"])
    verdict = judge(probe, [decoded(one) for one in recorded["answers"]])
    assert (verdict.status.value, verdict.found) == (recorded["status"], recorded["found"])


def test_a_missing_tool_and_a_denied_permission_are_unknown() -> None:
    for file in FILES:
        if file.stem.startswith(("missing", "denied")):
            assert json.loads(file.read_text(encoding="utf-8"))["status"] == Status.UNKNOWN, file


@pytest.mark.parametrize("name", sorted(name for name in known_probes() if name.split(".")[0] not in OTHERS))
def test_every_probe_is_recorded_in_every_situation(name: str) -> None:
    cases = {file.stem.partition("-")[0] for file in FILES if file.parent.name == name}
    assert cases >= {case for case in ("holds", "fails", "missing", "denied") if (name, case) not in IMPOSSIBLE}
