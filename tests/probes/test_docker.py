"""What the Engine tells, judged: numbers of cgroup v1 and v2, states, log lines that were cut."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from deploy.containers import Standing, standing
from deploy.probes import usage
from deploy.probes.docker import Containers, Cpu, Imports, Limited, LogRotation, Logs, Memory, Oom, Services
from deploy.probes.sizes import mib, parse
from deploy.question import Data

from .asking import FAIL, PASS, UNKNOWN

# As the API's documentation has it for cgroup v2: no list of CPUs, other names below memory's stats.
V2 = {
    "cpu_stats": {"cpu_usage": {"total_usage": 3_000_000_000}, "system_cpu_usage": 104_000_000_000, "online_cpus": 4},
    "precpu_stats": {
        "cpu_usage": {"total_usage": 1_000_000_000},
        "system_cpu_usage": 100_000_000_000,
        "online_cpus": 4,
    },
    "memory_stats": {"usage": 600, "limit": 1000, "stats": {"anon": 400, "file": 200, "inactive_file": 100}},
}
V1 = {
    "cpu_stats": {
        "cpu_usage": {"total_usage": 3_000_000_000, "percpu_usage": [1, 1, 1, 1]},
        "system_cpu_usage": 104_000_000_000,
    },
    "precpu_stats": {"cpu_usage": {"total_usage": 1_000_000_000}, "system_cpu_usage": 100_000_000_000},
    "memory_stats": {"usage": 600, "limit": 1000, "stats": {"inactive_file": 7, "total_inactive_file": 100}},
}
ROW = {
    "service": "web",
    "number": 1,
    "state": "running",
    "health": "healthy",
    "health_said": "",
    "restarts": 0,
    "oom_killed": False,
    "exit": 0,
    "error": "",
}


@pytest.mark.parametrize("sample", [V1, V2], ids=["v1", "v2"])
def test_use_is_reckoned_alike_from_both_cgroups(sample: dict[str, Any]) -> None:
    assert usage.cpu(sample, 0) == 50.0  # two of four CPU seconds in each second
    assert usage.cpu(sample, 2.5) == 80.0
    assert usage.memory(sample) == 50.0


@pytest.mark.parametrize("part", ["cpu_stats", "precpu_stats"])
def test_a_first_sample_and_a_container_that_just_ended_tell_nothing(part: str) -> None:
    sample: dict[str, Any] = copy.deepcopy(V2)
    del sample[part]["system_cpu_usage"]
    sample["memory_stats"] = {}
    assert (usage.cpu(sample, 0), usage.memory(sample)) == (None, None)
    row = {"service": "web", "number": 1, "cpus": 0, "samples": [sample, V2]}
    assert Cpu(below=99, samples=2).judge(Data([row])).status is UNKNOWN
    assert Memory(below=99, samples=2).judge(Data([row])).status is UNKNOWN
    assert Memory(below=50.1, samples=1).judge(Data([row])).status is PASS


@pytest.mark.parametrize(
    ("told", "how", "words"),
    [
        ({}, Standing.READY, "healthy"),
        ({"health": ""}, Standing.READY, "running, without a health check"),
        ({"health": "starting"}, Standing.STARTING, "running, health not known yet"),
        ({"health": "unhealthy", "health_said": "one\nno table\n"}, Standing.BROKEN, "unhealthy: no table"),
        ({"state": "created"}, Standing.STARTING, "created, not started"),
        ({"state": "restarting", "restarts": 1}, Standing.STARTING, "restarting, 1 times so far"),
        ({"state": "restarting", "restarts": 3}, Standing.BROKEN, "restarting, 3 times so far"),
        ({"state": "exited", "service": "setup"}, Standing.READY, "completed"),
        ({"state": "exited"}, Standing.BROKEN, "exited with code 0"),
        ({"state": "exited", "exit": 137, "oom_killed": True}, Standing.BROKEN, "exited with code 137, out of memory"),
        ({"state": "paused"}, Standing.BROKEN, "paused"),
    ],
)
def test_how_a_container_stands(told: dict[str, Any], how: Standing, words: str) -> None:
    assert standing({**ROW, **told}, once=("setup",)) == (how, words)


def test_a_service_that_is_still_starting_is_unknown_and_a_broken_one_beside_it_a_fail() -> None:
    probe = Services(expected=("web", "worker"))
    rows = [{**ROW, "health": "starting"}, {**ROW, "service": "worker"}]
    assert probe.judge(Data(rows)).status is UNKNOWN
    assert probe.judge(Data([rows[0], {**rows[1], "state": "dead"}])).status is FAIL


def test_no_container_is_never_a_pass() -> None:
    assert Services(expected=("web",)).judge(Data([])).status is FAIL
    assert Limited().judge(Data([])).status is UNKNOWN
    assert Cpu(below=80).judge(Data([])).status is UNKNOWN
    assert Logs(matches="x").judge(Data([])).status is UNKNOWN
    with pytest.raises(ValidationError):
        Services(expected=())


@pytest.mark.parametrize("probe", [Oom, Limited])
def test_a_service_that_is_not_there_is_unknown_beside_good_ones(probe: type[Containers]) -> None:
    row = {**ROW, "memory_limit": 1}
    assert probe(services=("web", "worker")).judge(Data([row])).status is UNKNOWN
    assert probe(services=("web",)).judge(Data([row])).status is PASS


def test_logs_that_were_cut_are_unknown_unless_enough_was_found() -> None:
    row = {"service": "web", "number": 1, "read": 9, "matched": 0, "cut": True, "lines": []}
    assert Logs(matches="x").judge(Data([row])).status is UNKNOWN
    assert Logs(matches="x").judge(Data([{**row, "matched": 1}])).status is FAIL
    assert Logs(matches="x", at_most=1).judge(Data([{**row, "cut": False, "matched": 1}])).status is PASS


@pytest.mark.parametrize(
    ("driver", "options", "status"),
    [
        ("local", {}, PASS),
        ("journald", {}, PASS),
        ("none", {}, FAIL),
        ("json-file", {"max-size": "-1"}, FAIL),
        ("json-file", {"max-size": "10m"}, PASS),
    ],
)
def test_which_logs_are_rotated(driver: str, options: dict[str, str], status: object) -> None:
    row = {**ROW, "log_driver": driver, "log_options": options}
    assert LogRotation().judge(Data([row])).status is status


def test_python_that_could_not_be_run_is_unknown() -> None:
    told = {"exit": 127, "out": "", "err": "python3: not found"}
    assert Imports(service="w", modules=("json",)).judge(Data(told)).status is UNKNOWN


def test_sizes_are_written_and_shown_with_their_units() -> None:
    assert (parse("4GB"), parse(7), parse("2 KB")) == (4 << 30, 7, 2048)
    assert (mib(4 << 30), mib(1 << 19)) == ("4.0 GB", "0.5 MB")
    with pytest.raises(ValueError, match="512MB"):
        parse("half")
