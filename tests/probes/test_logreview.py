"""The review of logs, on real files: what is counted, what is new, what is secret, and that nothing is read twice."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.probes.logreview import Review
from deploy.question import Output, Shell
from deploy.result import Verdict

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check

KEY = "sk-ant-" + "a1B2" * 8
SINCE = "2026-11-23T01:00+00:00"
ALL = {"paths": ["{root}/app.log*"]}
SITUATIONS = [
    Situation("logs.review", "holds", PASS, {**ALL, "at_most": {"ERROR": 2}, "allow": ["sk-ant-"]}, since=SINCE),
    Situation("logs.review", "fails", FAIL, {**ALL, "at_most": {"ERROR": 1}, "allow": ["sk-ant-"]}, since=SINCE),
    Situation("logs.review", "fails-secret", FAIL, {**ALL, "at_most": {"ERROR": 9}}, since=SINCE),
    Situation(
        "logs.review", "fails-new", FAIL, {**ALL, "at_most": {"ERROR": 9}, "new": 0, "allow": ["sk-ant-"]}, since=SINCE
    ),
    Situation("logs.review", "unknown-silent", UNKNOWN, ALL, since="2026-11-24T00:00+00:00"),
    Situation("logs.review", "unknown-no-lines", UNKNOWN, {"paths": ["{root}/none*.log"]}),
    Situation("logs.review", "missing", UNKNOWN, ALL, without=("awk",)),
    Situation("logs.review", "denied", UNKNOWN, {"paths": ["{root}/closed.log"]}, as_nobody=True),
]


def event(time: str, level: str, message: str, source: str = "serper") -> str:
    return json.dumps({"timestamp": f"2026-11-23T{time}:00Z", "level": level, "message": message, "source": source})


OLD = [event("00:10", "INFO", "took 7 s"), event("00:20", "ERROR", "row 4 is bad")]
NEW = [
    event("01:10", "INFO", "took 12 s"),
    event("01:20", "ERROR", "row 19 is bad"),
    event("01:30", "ERROR", f"no answer for {KEY}"),
    "2026-11-23 01:40:00,123 WARNING worker 3fa9: slow",
    "Traceback of nothing",
]


def write(path: Path, lines: Sequence[str]) -> None:
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


@pytest.fixture
def logs(place: Path) -> Path:
    for path in place.glob("*.log*"):
        path.unlink()
    write(place / "app.log.1", OLD)
    write(place / "app.log", NEW)
    write(place / "closed.log", OLD)
    (place / "closed.log").chmod(0o600)
    for path in (place / ".deploy" / "logs").glob("*"):
        path.unlink()
    return place


def review(root: Path, **parameters: Any) -> tuple[Verdict, int]:
    """The verdict, and how many bytes were read for it."""
    situation = Situation("logs.review", "x", PASS, {**ALL, "allow": ["sk-ant-"], **parameters}, since=SINCE)
    (question,) = asked(situation.made(), situation.scope(str(root)))
    assert isinstance(question, Shell)
    found = ask_shell(situation, question, root)
    assert isinstance(found, Output), found
    read = sum(int(line.split("\t")[1]) for line in found.out.splitlines() if line.startswith("read\t"))
    return situation.made().judge(found), read


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, logs: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(logs)))
    assert isinstance(question, Shell)
    found = ask_shell(situation, question, logs)
    verdict = check(situation, [found], logs)
    assert KEY not in f"{found}{verdict}"


@pytest.mark.live
def test_lines_are_counted_by_template_and_only_new_bytes_are_read(logs: Path) -> None:
    first, read = review(logs, at_most={"ERROR": 5})
    assert read == (logs / "app.log").stat().st_size + (logs / "app.log.1").stat().st_size
    assert first.found == "4 lines, 2 ERROR, 2 new kinds"
    told = [line.split() for line in first.evidence.splitlines()]
    assert ["1", "ERROR", "serper", "known", "row", "#", "is", "bad"] in told
    assert ["1", "WARNING", "-", "new", "WARNING", "worker", "#:", "slow"] in told
    assert review(logs, at_most={"ERROR": 5}) == (first, 0)
    more = [event("02:00", "ERROR", "row 20 is bad")]
    write(logs / "app.log", more)
    with (logs / "app.log").open("a") as file:
        file.write(event("02:01", "ERROR", "half a li")[:40])  # is still being written
    second, read = review(logs, at_most={"ERROR": 5})
    assert (second.found, read) == ("5 lines, 3 ERROR, 2 new kinds", len(more[0]) + 1)


@pytest.mark.live
def test_rotation_compression_and_copies_count_nothing_twice(logs: Path) -> None:
    before, _ = review(logs, at_most={"ERROR": 5})
    (logs / "app.log.2.gz").write_bytes(gzip.compress((logs / "app.log.1").read_bytes()))
    (logs / "app.log").rename(logs / "app.log.1")
    assert review(logs, at_most={"ERROR": 5}) == (before, 0)
    copied = (logs / "app.log.1").read_bytes()
    (logs / "app.log.0").write_bytes(copied)  # as copytruncate does it
    os.truncate(logs / "app.log.1", 0)
    write(logs / "app.log.1", [event("03:00", "INFO", "took 1 s")])
    after, read = review(logs, at_most={"ERROR": 5})
    assert (after.found, read) == ("5 lines, 2 ERROR, 2 new kinds", (logs / "app.log.1").stat().st_size)


@pytest.mark.live
def test_files_that_begin_alike_are_told_apart(logs: Path) -> None:
    for number in (1, 2):
        write(logs / f"app.log.h{number}", ["=== started ===", event("04:00", "INFO", "took 1 s")] * number)
    found, _ = review(logs, at_most={"ERROR": 5})
    assert found.found.startswith("7 lines")


def test_without_anything_before_nothing_is_called_new() -> None:
    text = "earlier\t0\nlevel\tERROR\t1\nline\t1\tnew\tERROR\tserper\tbad\n"
    assert Review(paths=("f",), at_most={"ERROR": 1}).judge(Output(0, text)).status is PASS
    assert Review(paths=("f",), at_most={"ERROR": 1}, new=0).judge(Output(0, text)).status is UNKNOWN
    assert Review(paths=("f",), at_most={"ERROR": 0}, new=0).judge(Output(0, text)).status is FAIL
