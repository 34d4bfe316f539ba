import io

import pytest
from rich.console import Console

from deploy.plain import clean
from deploy.reports.console import Live, show_phase
from deploy.result import Result, Severity, Status
from tests.reports.recorded import HOSTILE_RESULT, RESULTS, golden, is_harmless, result


def show(results: list[Result], *, width: int = 100, terminal: bool = False, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="")
    console = Console(file=file, width=width, force_terminal=terminal, legacy_windows=False, _environ={})
    show_phase(console, "prereqs", results, 1.234)
    file.flush()
    return raw.getvalue().decode(encoding)


def test_a_phase_with_all_there_is() -> None:
    golden("phase.txt", show(RESULTS))


def test_a_phase_that_holds_is_one_line() -> None:
    assert show([RESULTS[0]]) == "✓ prereqs        1 passed  1.2 s\n"


def test_a_phase_without_checks_claims_no_pass() -> None:
    assert show([]) == "- prereqs        no checks  1.2 s\n"
    assert show([result("a", Status.SKIPPED)]).startswith("- prereqs")


@pytest.mark.parametrize("status", [Status.FAIL, Status.UNKNOWN])
def test_a_warning_is_told_and_does_not_close(status: Status) -> None:
    told = show([result("a", status, Severity.WARNING), result("b", Status.PASS)])
    assert told.startswith("✓ prereqs")
    assert "found    a as it was" in told


def test_narrow_terminals_fold_below_the_indentation() -> None:
    rows = clean(show(RESULTS, width=30, terminal=True)).split("\n")
    assert max(map(len, rows)) <= 30
    assert "      best" in {row.rstrip() for row in rows}


def test_a_pipe_gets_whole_lines() -> None:
    assert "      expected network at its best\n" in show(RESULTS, width=20)


def test_plain_ascii_is_enough() -> None:
    assert show(RESULTS, encoding="ascii").startswith("x prereqs        2 passed, 1 failed")


def test_hostile_texts_stay_text() -> None:
    told = show([HOSTILE_RESULT])
    is_harmless(told)
    assert "[red]markup[/red]" in told
    assert len(told) < 5000


def test_colour_only_where_it_is_wanted() -> None:
    assert "\x1b[31m" in show(RESULTS, terminal=True)
    console = Console(file=io.StringIO(), force_terminal=True, _environ={"NO_COLOR": "1"})
    show_phase(console, "prereqs", RESULTS, 1)
    assert "\x1b[31m" not in console.file.getvalue()  # type: ignore[attr-defined]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_pipe_hears_of_progress_now_and_then() -> None:
    file, clock = io.StringIO(), Clock()
    with Live(Console(file=file, width=80), clock, every=10) as live:
        live.say("loading")
        live.say("loading")
        for second in range(0, 25, 5):
            clock.now = float(second)
            live.count(second, None, "rows")
        live.count(26, 26, "rows")
        live.count(26, 26, "rows")
        live.say("merging [red]\x1b[31m")
        live.count(1, 3, "tables")
    assert file.getvalue().splitlines() == [
        "  loading",
        "    0 rows",
        "    10 rows",
        "    20 rows",
        "    26 of 26 rows",
        "  merging [red]",
        "    1 of 3 tables",
    ]


def test_a_terminal_has_a_live_line_that_goes_away() -> None:
    file = io.StringIO()
    with Live(Console(file=file, width=80, force_terminal=True, _environ={"TERM": "xterm"})) as live:
        live.say("loading [red]")
        live.count(1, 2, "rows")
        live._progress.refresh()
    assert "loading [red]" in file.getvalue()
    assert "1 of 2 rows" in file.getvalue()
