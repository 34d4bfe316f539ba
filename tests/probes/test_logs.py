from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from deploy.probes.logchange import LogSamples
from deploy.probes.logs import Clean, Levels
from deploy.question import Output, Shell

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check, check_without_tools

KEY = "sk-ant-" + "a1B2" * 8
VALUE = "value-of-the-variable"
GOOD, PLAIN, LEAKY, CLOSED = "{root}/good*.log", "{root}/plain.log", "{root}/leaky.log", "{root}/closed.log"
FIELDS = {"fields": ["timestamp", "level", "message"]}
ERRORS = {"at_most": {"ERROR": 0, "WARNING": 1}}
TIMED = {"paths": ["{root}/timed.log*"], "field": "seconds", "at_least": 3}
ROTATED = {"paths": ["{root}/good-1.log"], "policies": ["{root}/rotate.d/*"]}

SITUATIONS = [
    Situation("logs.json", "holds", PASS, {"paths": [GOOD], **FIELDS}),
    Situation("logs.json", "holds-share", PASS, {"paths": [LEAKY, GOOD], **FIELDS, "share_at_least": 0.5}),
    Situation("logs.json", "fails", FAIL, {"paths": [PLAIN], **FIELDS}),
    Situation("logs.json", "unknown-no-lines", UNKNOWN, {"paths": ["{root}/none*.log", "{root}/empty.log"]}),
    Situation("logs.json", "missing", UNKNOWN, {"paths": [GOOD]}, without=("tail",)),
    Situation("logs.json", "denied", UNKNOWN, {"paths": [GOOD, CLOSED]}, as_nobody=True),
    Situation("logs.clean", "holds", PASS, {"paths": [GOOD, PLAIN]}),
    Situation("logs.clean", "holds-allowed", PASS, {"paths": [LEAKY], "allow": ["sk-ant-", "@example[.]org"]}),
    Situation("logs.clean", "holds-variable", PASS, {"paths": [GOOD], "variables": ["A_KEY"]}, env={"A_KEY": VALUE}),
    Situation("logs.clean", "fails", FAIL, {"paths": [GOOD, LEAKY]}),
    Situation("logs.clean", "fails-variable", FAIL, {"paths": [PLAIN], "variables": ["A_KEY"]}, env={"A_KEY": VALUE}),
    Situation("logs.clean", "unknown-variable", UNKNOWN, {"paths": [PLAIN], "variables": ["A_KEY"]}),
    Situation("logs.clean", "unknown-no-lines", UNKNOWN, {"paths": ["{root}/none*.log"]}),
    Situation("logs.clean", "unknown-pattern", UNKNOWN, {"paths": [PLAIN], "patterns": {"odd": "a(b"}}),
    Situation("logs.clean", "missing", UNKNOWN, {"paths": [PLAIN]}, without=("grep",)),
    Situation("logs.clean", "missing-sed", UNKNOWN, {"paths": [LEAKY]}, without=("sed",)),
    Situation("logs.clean", "denied", UNKNOWN, {"paths": [CLOSED]}, as_nobody=True),
    Situation("logs.levels", "holds", PASS, {"paths": [GOOD], **ERRORS}),
    Situation("logs.levels", "holds-since", PASS, {"paths": [LEAKY, GOOD], **ERRORS}, since="2026-11-23T01:00+00:00"),
    Situation("logs.levels", "fails", FAIL, {"paths": [LEAKY], **ERRORS}),
    Situation("logs.levels", "fails-plain", FAIL, {"paths": [PLAIN], "at_most": {"WARNING": 0}}),
    Situation(
        "logs.levels", "unknown-silent-since", UNKNOWN, {"paths": [GOOD], **ERRORS}, since="2026-11-24T00:00+00:00"
    ),
    Situation("logs.levels", "unknown-no-lines", UNKNOWN, {"paths": ["{root}/empty.log"], **ERRORS}),
    Situation("logs.levels", "missing", UNKNOWN, {"paths": [GOOD], **ERRORS}, without=("grep",)),
    Situation("logs.levels", "denied", UNKNOWN, {"paths": [CLOSED], **ERRORS}, as_nobody=True),
    Situation("logs.samples", "holds", PASS, {**TIMED, "against": [1, 2, 3, 4, 5, 6]}),
    Situation("logs.samples", "holds-since", PASS, {**TIMED, "against": [4, 5, 6]}, since="2026-11-23T04:00+00:00"),
    Situation("logs.samples", "fails", FAIL, {**TIMED, "against": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}),
    Situation("logs.samples", "unknown-few", UNKNOWN, {**TIMED, "against": [1, 2]}),
    Situation(
        "logs.samples", "unknown-broken", UNKNOWN, {**TIMED, "paths": ["{root}/broken.gz"], "against": [1, 2, 3]}
    ),
    Situation("logs.samples", "missing", UNKNOWN, {**TIMED, "against": [1, 2, 3]}, without=("gzip",)),
    Situation("logs.samples", "denied", UNKNOWN, {**TIMED, "paths": [CLOSED], "against": [1, 2, 3]}, as_nobody=True),
    Situation("logs.rotated", "holds", PASS, ROTATED),
    Situation("logs.rotated", "fails", FAIL, {**ROTATED, "paths": ["{root}/other/x.log"]}),
    Situation("logs.rotated", "missing", UNKNOWN, {**ROTATED, "policies": ["{root}/none.d/*"]}),
    Situation("logs.rotated", "missing-sed", UNKNOWN, ROTATED, without=("sed",)),
    Situation("logs.rotated", "denied", UNKNOWN, {**ROTATED, "policies": [CLOSED]}, as_nobody=True),
]


def line(hour: int, level: str, message: str) -> str:
    return f'{{"timestamp": "2026-11-23T{hour:02}:00:00Z", "level": "{level}", "message": "{message}"}}\n'


@pytest.fixture(scope="module")
def logs(place: Path) -> Path:
    files = {
        "good-1.log": line(1, "INFO", "no ERROR here") + line(2, "WARNING", "slow: 12 s"),
        "good 2.log": line(3, "INFO", "done"),
        "plain.log": f"2026-11-23 00:30:00,123 WARNING began with {VALUE}\n2026-11-23 02:00:00 INFO on\n",
        "leaky.log": line(0, "ERROR", f"key {KEY}") + line(0, "ERROR", "of someone@example.org") + "a report\n",
        "closed.log": line(1, "INFO", "hidden"),
        "empty.log": "",
        "rotate.d/engine": f'# {place}/other/*.log {{\n"{place}/*.log" {{\n  weekly\n}}\n',
    }
    files["timed.log"] = (
        "".join(line(hour, "INFO", f'", "seconds": {hour}, "more": "') for hour in range(3, 7)) + "no\n"
    )
    (place / "timed.log.1.gz").write_bytes(gzip.compress(line(2, "INFO", '", "seconds": 2.5, "more": "').encode()))
    (place / "broken.gz").write_bytes(gzip.compress(line(2, "INFO", "done").encode())[:-9])
    for name, text in files.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    (place / "closed.log").chmod(0o600 if place.owner() == "root" else 0)
    return place


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, logs: Path) -> None:
    (question,) = asked(situation.made(), situation.scope(str(logs)))
    assert isinstance(question, Shell)
    found = ask_shell(situation, question, logs)
    verdict = check(situation, [found], logs)
    if situation.probe == "logs.clean":
        assert not any(one in f"{found}{verdict}" for one in (KEY, VALUE, "someone@"))
    check_without_tools(situation, question, logs)


def test_lines_without_a_time_count_and_messages_are_told_apart_from_levels() -> None:
    probe = Levels(paths=("f",), at_most={"ERROR": 0})
    head = "since\t2026-11-23T01:00:00+00:00\nlast\tsomething\n"
    assert probe.judge(Output(0, f"{head}line\tERROR: no time\n")).status is FAIL
    assert probe.judge(Output(0, f'{head}line\t{{"level": "INFO", "message": "ERROR"}}\n')).status is PASS


def test_the_evidence_counts_alike_messages_together() -> None:
    text = "since\t\nlast\tx\n" + "".join(f'line\t{{"level": "ERROR", "message": "took {n} s"}}\n' for n in range(3))
    assert Levels(paths=("f",), at_most={"ERROR": 0}).judge(Output(0, text)).evidence == "3 x ERROR: took # s"


def test_hits_name_file_line_and_pattern() -> None:
    verdict = Clean(paths=("f",)).judge(Output(0, "lines\tf\t9\naws key\tf\t3\n"))
    assert (verdict.status, verdict.evidence) == (FAIL, "f:3: aws key")


@pytest.mark.live
@pytest.mark.parametrize("zone", ["Z", "+00:00", "+02:00"])
def test_a_large_file_is_read_from_the_beginning_of_the_span_on(place: Path, zone: str) -> None:
    rest = '"level": "ERROR", "message": "' + "x" * 900
    many = [
        f'{{"timestamp": "2026-11-{day:02}T{hour:02}:{minute:02}:00{zone}", {rest}"}}\n'
        for day in range(1, 11)
        for hour in range(24)
        for minute in range(0, 60, 2)
    ]
    (place / "large.log").write_text("".join(many))
    situation = Situation(
        "logs.levels", "x", FAIL, {"paths": ["{root}/large.log"], "at_most": {"ERROR": 0}}, since="2026-11-10T12:00Z"
    )
    (question,) = asked(situation.made(), situation.scope(str(place)))
    assert isinstance(question, Shell)
    found = ask_shell(situation, question, place)
    assert isinstance(found, Output)
    assert situation.made().judge(found).found == f"{360 if zone != '+02:00' else 300} ERROR"
    assert (found.out.count("\nline\t") < len(many) / 2) is (zone != "+02:00")
    (place / "large.log").unlink()


def test_more_lines_than_can_be_told_are_too_many_or_unknown() -> None:
    text = "since\t\nlast\tx\n" + 'line\t{"level": "INFO", "message": "no ERROR"}\n' * 20_000
    assert Levels(paths=("f",), at_most={"ERROR": 0}).judge(Output(0, text)).status is UNKNOWN
    more = 'line\t{"level": "ERROR", "message": "bad"}\n'
    assert Levels(paths=("f",), at_most={"ERROR": 0}).judge(Output(0, text + more)).status is FAIL


@pytest.mark.live
def test_of_a_large_log_the_newest_numbers_are_taken(place: Path) -> None:
    many = "".join(json.dumps({"duration_seconds": number, "message": "x" * 2500}) + "\n" for number in range(9000))
    (place / "large.log").write_text(many)
    situation = Situation("logs.samples", "x", PASS, {"paths": ["{root}/large.log"], "field": "duration_seconds"})
    (question,) = asked(situation.made(), situation.scope(str(place)))
    assert isinstance(question, Shell)
    found, probe = ask_shell(situation, question, place), situation.made()
    assert isinstance(found, Output)
    assert isinstance(probe, LogSamples)
    assert probe.measured(found) == tuple(range(4000, 9000))
    (place / "large.log").unlink()
