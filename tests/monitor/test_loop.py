"""An hour and more of monitoring on an accelerated clock: each change told once, none lost, whatever happens."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from deploy.errors import ConfigError, LockHeld
from deploy.monitor.loop import OWN
from deploy.monitor.messages import title
from deploy.monitor.state import FILE, Keeper
from deploy.result import Severity
from tests.flow.world import KILLED, ended, fork, kill_self
from tests.monitor.doubles import PLACE, START, URL, Sent, make, play, results

RESTARTS = {  # the database is away three times within two hours; once too short to count
    10: {"database": "unknown", "failures": "unknown", "queue": "unknown"},
    13: {},
    40: {"database": "unknown"},
    41: {},
    80: {"database": "fail"},
    83: {},
}
ONCE = ["database@h#1", "database@h#2", "database@h#3", "database@h#4"]


def full(folder: Path) -> None:
    """A disk that takes nothing more: even root cannot make a file below a file."""
    folder.rename(folder.with_suffix(".away"))
    folder.touch()


def freed(folder: Path) -> None:
    folder.unlink()
    folder.with_suffix(".away").rename(folder)


def test_restarts_of_a_database_are_each_told_once(tmp_path: Path) -> None:
    sent = Sent()
    told = play(make(tmp_path, sent), RESTARTS, 120)
    critical = [identity for identity in told if not identity.startswith("queue")]
    assert critical == ONCE
    assert [i for i in sent.ids() if i.startswith("database")] == ONCE
    assert [tone for _, _, _, tone in sent.taken if tone != "warning"] == ["failure", "success"] * 2


def test_a_program_that_is_started_for_each_round_tells_the_same(tmp_path: Path) -> None:
    sent = Sent()
    for minute in range(120):
        story = {minute: RESTARTS[max((m for m in RESTARTS if m <= minute), default=80)] if minute >= 10 else {}}
        play(make(tmp_path, sent), story, 1, begin=minute)
    assert [i for i in sent.ids() if i.startswith("database")] == ONCE


def test_what_a_lost_network_held_back_comes_when_it_is_there_again_in_order(tmp_path: Path) -> None:
    sent = Sent(down=True)
    monitor = make(tmp_path, sent)
    play(monitor, RESTARTS, 100)
    assert not sent.taken
    assert monitor.round(results(), START + timedelta(minutes=100)).troubles
    sent.down = False
    restarted = make(tmp_path, sent)
    play(restarted, {}, 61, begin=101)  # no try is more than an hour away
    assert [i for i in sent.ids() if i.startswith("database")] == ONCE
    play(restarted, {}, 120, begin=162)
    assert [i for i in sent.ids() if i.startswith("database")] == ONCE


def test_one_route_that_is_down_neither_holds_up_nor_doubles_the_other(tmp_path: Path) -> None:
    other, dead = "json://127.0.0.1:9/other", {"down": True}
    sent = Sent()

    def send(route, title, body, tone):  # type: ignore[no-untyped-def]
        return "no" if route.url.reveal() == other and dead["down"] else sent(route, title, body, tone)

    monitor = make(tmp_path, send, routes={"critical": [URL, other]})
    play(monitor, RESTARTS, 90)
    dead["down"] = False
    play(monitor, {}, 90, begin=90)
    for url in (URL, other):
        assert [i for i in sent.ids(url) if i.startswith("database")] == ONCE


def test_a_route_that_is_down_is_tried_ever_more_rarely(tmp_path: Path) -> None:
    tried: list[str] = []

    def send(route, title, body, tone):  # type: ignore[no-untyped-def]
        tried.append(title)
        return "no"

    play(make(tmp_path, send), {0: {"database": "fail"}}, 240)
    assert len(tried) == 9  # after 1, 2, 4, 8, 16 and 32 minutes, then every hour


def test_a_route_that_is_no_more_is_owed_nothing(tmp_path: Path) -> None:
    sent = Sent(down=True)
    play(make(tmp_path, sent), {0: {"database": "fail"}}, 3)
    sent.down = False
    new = make(tmp_path, sent, routes={"critical": "json://127.0.0.1:9/new"})
    assert not new.round(results(database="fail"), START + timedelta(minutes=3)).troubles
    state = Keeper(tmp_path).load()
    assert (state.spool, state.backoff, sent.taken) == ([], {}, [])


def test_killed_while_sending_the_second_message_the_first_is_not_sent_again(tmp_path: Path) -> None:
    log, folder = tmp_path / "log", tmp_path / "monitor"
    play(make(folder, Sent(down=True)), {0: {"database": "fail"}, 2: {}}, 4)  # an alert and a recovery wait

    def die(route, title, body, tone):  # type: ignore[no-untyped-def]
        if log.exists():
            kill_self()
        log.write_text(body)
        return ""

    pid = fork(lambda: play(make(folder, die), {}, 1, begin=10), tmp_path / "out")
    assert ended(pid) == KILLED
    assert "database@h#1" in log.read_text()
    sent = Sent()
    play(make(folder, sent), {}, 5, begin=11)
    assert sent.ids() == ["database@h#2"]


def test_a_full_disk_is_an_alert_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    folder, sent = tmp_path / "monitor", Sent()
    monitor = make(folder, sent)
    play(monitor, {}, 5)
    full(folder)
    play(monitor, RESTARTS, 30, begin=5)
    found = monitor.round(results(), START + timedelta(minutes=35))
    assert "cannot be written" in found.troubles[0]
    assert str(folder / FILE) in found.unwritten
    freed(folder)
    assert not monitor.round(results(), START + timedelta(minutes=36)).troubles
    play(make(folder, sent), RESTARTS, 84, begin=37)
    ids = sent.ids()
    assert [i for i in ids if i.startswith("database")] == ONCE
    assert [i for i in ids if i.startswith(OWN)] == [f"{OWN}@#1", f"{OWN}@#2"]


def test_a_fresh_program_that_cannot_write_waits_for_no_second_evaluation(tmp_path: Path) -> None:
    sent = Sent()
    (tmp_path / "monitor").touch()
    found = make(tmp_path / "monitor", sent).round(results(database="fail"), START)
    assert set(found.told) == {"database@h#1", f"{OWN}@#1"}
    assert len(sent.taken) == 1


@pytest.mark.parametrize(("when", "copies"), [("before", 1), ("sent", 2)])
def test_killed_between_two_instants_nothing_is_lost(tmp_path: Path, when: str, copies: int) -> None:
    """Killed before the route took it, it is sent once; between that and the note of it, once more under its id."""
    log, folder = tmp_path / "log", tmp_path / "monitor"
    play(make(folder, Sent()), {0: {"database": "fail"}}, 1)

    def die(route, title, body, tone):  # type: ignore[no-untyped-def]
        if when == "sent":
            log.write_text(body)
        kill_self()

    pid = fork(lambda: play(make(folder, die), {1: {"database": "fail"}}, 1, begin=1), tmp_path / "out")
    assert ended(pid) == KILLED
    sent = Sent()
    play(make(folder, sent), {2: {"database": "fail"}}, 5, begin=2)
    before = log.read_text().count("database@h#1") if log.exists() else 0
    assert before + sent.ids().count("database@h#1") == copies


def test_warnings_come_at_once_and_then_once_a_day_information_once_a_week(tmp_path: Path) -> None:
    sent = Sent()
    hour = {"every": "1h"}
    monitor = make(tmp_path, sent, **hour)
    for number in range(24 * 8):
        bad = "fail" if number % 12 < 6 else "pass"
        monitor.round(results(queue=bad, page=bad), START + timedelta(hours=number))
    by_tone = {tone: [body for _, _, body, t in sent.taken if t == tone] for tone in ("warning", "info")}
    assert (len(by_tone["warning"]), len(by_tone["info"])) == (8, 2)
    for item in ("queue", "page"):
        ids = [i for i in sent.ids() if i.startswith(item)]
        assert ids == [f"{item}@h#{n + 1}" for n in range(len(ids))]


def test_a_message_carries_what_one_needs_to_act(tmp_path: Path) -> None:
    sent = Sent()
    play(make(tmp_path, sent), {0: {"database": "fail"}}, 2)
    ((_, head, body, tone),) = sent.taken
    assert head == "[critical] shop in prod: The database answers @h: fail"
    assert tone == "failure"
    for line in (
        "FAIL  The database answers @h",
        "expected  1",
        "found     2",
        "do        Restart it.",
        "since     2026-03-01 12:00:00 UTC",
        "look      invoke monitor --system=shop --env=prod",
    ):
        assert line in body.splitlines()


def test_hostile_evidence_stays_one_line(tmp_path: Path) -> None:
    sent = Sent()
    monitor = make(tmp_path, sent)
    evil = [r for r in results(database="fail") if r.item == "database"]
    for minute in range(2):
        told = [type(r)(**{**vars(r), "found": "\x1b[31mred\nid forged#1" + "x" * 9999}) for r in evil]
        monitor.round([*told, *results()[1:]], START + timedelta(minutes=minute))
    assert sent.ids() == ["database@h#1"]
    assert "\x1b" not in sent.taken[0][2]
    assert len(sent.taken[0][2]) < 2000


def test_a_state_that_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{torn")
    play(make(tmp_path, Sent()), {}, 1)
    assert (tmp_path / "state.broken").read_text() == "{torn"
    assert Keeper(tmp_path).load().last_run == START
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_two_monitors_do_not_evaluate_at_once(tmp_path: Path) -> None:
    with Keeper(tmp_path).alone(), pytest.raises(LockHeld), Keeper(tmp_path).alone():
        pass


def test_a_monitor_that_tells_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nobody is told"):
        make(tmp_path, Sent(), routes={"warning": URL})


def test_the_state_holds_no_url(tmp_path: Path) -> None:
    play(make(tmp_path, Sent(down=True)), {0: {"database": "fail"}}, 3)
    text = (tmp_path / FILE).read_text()
    assert "canary" not in text
    state = Keeper(tmp_path).load()
    assert title(state.spool[0], PLACE).startswith(f"[{Severity.CRITICAL}]")
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
