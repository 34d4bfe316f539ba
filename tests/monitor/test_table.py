"""What a person sees who watches, and who asks how the monitor stands."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from deploy.errors import ConfigError, GateClosed, LockHeld
from deploy.monitor import operate
from deploy.monitor.loop import Round
from deploy.monitor.table import Board
from tests.monitor.doubles import START, Sent, alerts, make, play, results


def shown(terminal: bool, *rounds: Any) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120, color_system=None)
    with Board(console, "shop in prod") as board:
        for minute, found in enumerate(rounds):
            board.show(START + timedelta(minutes=minute), found, Round(("database@h#1",), ("slack://*** : no",)))
    return file.getvalue()


def test_at_a_terminal_one_table_knows_since_when() -> None:
    text = shown(True, results(), results(database="fail"), results(database="fail"))
    last = text.rpartition("shop in prod")[2]
    assert "12:02:00 UTC" in last
    (row,) = [line for line in last.splitlines() if "The database answers" in line]
    assert "12:01:00" in row and "✗" in row
    assert "3 pass, 1 fail · told database@h#1" in last


def test_in_a_pipe_there_are_lines() -> None:
    lines = shown(False, results(), results(database="unknown")).splitlines()
    assert "2026-03-01T12:00:00Z shop in prod: 4 pass" in lines
    assert "2026-03-01T12:01:00Z unknown critical The database answers @h: found 2, expected 1" in lines
    assert "2026-03-01T12:01:00Z told database@h#1" in lines


def stands(folder: Path, minutes: int) -> dict[str, Any]:
    control, place = SimpleNamespace(folder=folder), SimpleNamespace(name="prod", alerts=alerts(every="5m"))
    session: Any = SimpleNamespace(control=control, environment=place, system=SimpleNamespace(name="shop"))
    return operate.standing(session, START + timedelta(minutes=minutes))


def test_standing_tells_what_is_open_what_waits_and_what_is_late(tmp_path: Path) -> None:
    story = {0: {"database": "fail", "queue": "fail"}, 4: {"database": "fail"}}
    play(make(tmp_path / "monitor", Sent(down=True)), story, 8)
    found = stands(tmp_path, 10)
    assert (found["every"], found["late"], found["undelivered"], found["waiting"]) == ("1m", False, 2, {"warning": 1})
    assert [each["item"] for each in found["open"]] == ["database@h"]
    text = operate.show_standing(found, "text")
    for line in ("database@h: fail since 2026-03-01T12:00:00+00:00", "2 changes, not delivered yet", "1 fail"):
        assert line in text
    operate.require_in_time(found)
    late = stands(tmp_path, 11)
    assert "LATE" in operate.show_standing(late, "text")
    with pytest.raises(GateClosed, match="last ran 2026"):
        operate.require_in_time(late)
    with pytest.raises(ConfigError, match="--format"):
        operate.show_standing(late, "xml")


def test_watching_waits_for_another_monitor_that_evaluates() -> None:
    waited: list[float] = []
    rounds: list[int] = []

    def round_(now: Any) -> Any:
        rounds.append(1)
        if len(rounds) == 1:
            raise LockHeld("busy")
        return results(), None, None

    watch: Any = SimpleNamespace(round=round_)
    operate.keep_watching(watch, timedelta(seconds=30), 2, lambda *told: None, waited.append)
    assert len(rounds) == 3
    assert waited[0] == operate.AGAIN and 29 < waited[1] <= 30
