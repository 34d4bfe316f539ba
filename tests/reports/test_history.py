from deploy.reports.history import text
from tests.reports.recorded import HOSTILE, is_harmless

ROWS = [
    {"deployment": "b", "outcome": "rolled back", "release": "0123", "ref": "v2", "seconds": 20.0, "by": "Ada"},
    {"deployment": "a", "outcome": "succeeded", "release": "4567", "ref": "v1", "seconds": 5.0, "by": "Ada"},
]


def test_a_pipe_gets_plain_lines_with_the_durations_oldest_first() -> None:
    lines = text(ROWS, terminal=False).splitlines()
    assert lines[1].split() == ["b", "rolled", "back", "0123", "v2", "20.0", "s", "Ada"]
    assert lines[-1] == "took  ▃█  5.0 to 20.0 s, the latest 20.0 s"
    assert "\x1b" not in "".join(lines)


def test_a_terminal_gets_a_table_in_which_hostile_names_stay_text() -> None:
    assert "\x1b[" in text(ROWS, terminal=True)
    told = text([{**ROWS[0], "ref": HOSTILE, "by": HOSTILE, "outcome": "open"}], terminal=True)
    assert "[red]markup[/red]" in "".join(told.split())
    assert "\x1b[31mred" not in told and not set(told) & {"\x00", "\u202e", "\ud800"}
    is_harmless(text(ROWS, terminal=False))
