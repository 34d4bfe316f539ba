"""scripts/bench week: what it makes up and how it compares; and a very small week, measured for real."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from deploy.probes.leaks import SECRETS
from deploy.question import Rows, Sql, Unanswered
from scripts.benchmark import lines, week
from scripts.benchmark.__main__ import arguments
from scripts.benchmark.lines import Logs
from scripts.benchmark.place import Broken, temporary
from scripts.benchmark.serverlog import ServerLog

RANDOM = Sql("app", ("select * from t order by random()",))
PLAIN = Sql("app", ("select count(*), 1.50 from t",))


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    made = Logs(tmp_path)
    assert made.write(5_000_000, timedelta(days=7)) == made.size
    return made


def ends(path: Path) -> tuple[str, str]:
    """The first and the last event of a file."""
    events = [line for line in path.read_text().splitlines() if line.startswith("{")]
    return events[0], events[-1]


def test_logs_are_about_as_large_as_asked_and_go_from_a_week_ago_to_now(logs: Logs) -> None:
    assert 0.8 < logs.size / 5_000_000 < 1.2
    minutes = [text[text.index("T") - 10 :][:16] for path in reversed(logs.paths) for text in ends(path)]
    assert minutes == sorted(minutes)
    first, last = (datetime.fromisoformat(f"{minute}+00:00") for minute in (minutes[0], minutes[-1]))
    assert timedelta(days=6) < last - first < timedelta(days=7)
    assert datetime.now(UTC) - last < timedelta(minutes=2)


def test_every_level_is_counted_and_every_file_has_a_secret(logs: Logs) -> None:
    blocks = sum(path.read_bytes().count(b"CRITICAL") for path in logs.paths)
    counts = [logs.count(*levels) for levels in (("CRITICAL",), ("ERROR",), ("ERROR", "CRITICAL"))]
    assert counts == [blocks, 2 * blocks, 3 * blocks]
    assert all(lines.LEAK in path.read_text() for path in logs.paths)
    assert re.search(SECRETS["password in a URL"], lines.LEAK)


def test_what_is_appended_can_be_taken_off_again(logs: Logs) -> None:
    before = logs.paths[0].read_bytes()
    more = logs.more(1_000_000)
    assert logs.paths[0].stat().st_size == len(before) + more
    logs.cut(more)
    assert logs.paths[0].read_bytes() == before


def test_durations_are_summed_from_where_the_log_was_last_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("LOG:  duration: 9000.5 ms\n")
    server = ServerLog(log, log.stat().st_size)
    with log.open("a") as file:
        file.write("LOG:  duration: 1500.5 ms\nERROR:  no\nLOG:  duration: 0.5 ms  parse <unnamed>: select 1\n")
    assert server.seconds() == pytest.approx(1.501)
    assert server.seconds() == 0


@pytest.mark.parametrize(
    ("question", "answer", "told"),
    [
        (PLAIN, Rows((((3, Decimal("0E-3")),),)), (0, "3|0.000\n")),
        (RANDOM, Rows(((("a",), ("b",)),)), (0, "b\nc\n")),
        (PLAIN, Unanswered("no such table"), (3, "")),
    ],
)
def test_equal_answers(question: Sql, answer: Rows | Unanswered, told: tuple[int, str]) -> None:
    week.require_equal(question, answer, told)


@pytest.mark.parametrize(
    ("question", "answer", "told"),
    [
        (PLAIN, Rows((((3, 1),),)), (0, "4|1\n")),
        (RANDOM, Rows(((("a",), ("b",)),)), (0, "b\n")),
        (PLAIN, Unanswered("no such table"), (0, "3|1\n")),
    ],
)
def test_different_answers_are_no_figure(question: Sql, answer: Rows | Unanswered, told: tuple[int, str]) -> None:
    with pytest.raises(Broken, match="answers differ"):
        week.require_equal(question, answer, told)


def test_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = arguments(["week"])
    assert (wanted.rows, wanted.gigabytes) == (10_000_000, 2.0)
    for words in (["--rows", "10"], ["--gigabytes", "0"]):
        with pytest.raises(SystemExit):
            arguments(["week", *words])
    assert "at least 1000" in capsys.readouterr().err


@pytest.mark.live
def test_a_small_week() -> None:
    with temporary() as place:
        folder = place.folder
        figures = week.measure(place, 1, 5_000, 0.004)
    assert [figure.name for figure in figures] == [
        "review of logs",
        "review, 10 MB later",
        "lines by level",
        "validate.post 7d",
    ]
    assert "read 10," in figures[1].how
    assert figures[3].parts.keys() >= {"by hand: psql", "by hand: grep -cE", "ours: the database's own time"}
    assert not folder.exists()
