"""Killed at every single moment of writing or sending: nothing is lost, and no more than one doubled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.monitor.state import Keeper, State
from tests.monitor.doubles import Sent, make, play

STORY = {1: {"database": "fail"}, 6: {}}
MINUTES = 11
ONCE = ["database@h#1", "database@h#2"]


class Killed(BaseException):
    """As a kill: what was in memory is gone, nothing is tidied up."""


class Deadly:
    """Counts the moments, two for each act (before it, and after), and kills at one of them."""

    def __init__(self, at: int) -> None:
        self.at, self.count, self.moments = at, 0, list[str]()

    def around(self, name: str, act: Any) -> Any:
        def acted(*given: Any) -> Any:
            self.moment(f"before {name}")
            found = act(*given)
            self.moment(f"after {name}")
            return found

        return acted

    def moment(self, name: str) -> None:
        self.moments.append(name)
        self.count += 1
        if self.count == self.at:
            raise Killed(name)


def run(folder: Path, at: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """The story in a program for each round, one of which is killed: the ids that arrived, and all moments."""
    deadly, sent = Deadly(at), Sent()
    save = Keeper.save
    with monkeypatch.context() as patched:
        acted = deadly.around("writing", save)
        patched.setattr(Keeper, "save", lambda keeper, state: acted(keeper, state))
        for minute in range(MINUTES):
            current = STORY[max(m for m in STORY if m <= max(minute, 1))] if minute else {}
            try:
                play(make(folder, deadly.around("sending", sent)), {minute: current}, 1, begin=minute)
            except Killed:
                assert isinstance(Keeper(folder).load(), State)
    return sent.ids(), deadly.moments


def test_no_moment_loses_an_alert_and_only_one_can_double_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, moments = run(tmp_path / "calm", 0, monkeypatch)
    assert ids == ONCE
    assert moments.count("after sending") == 2
    for at, moment in enumerate(moments, start=1):
        ids, _ = run(tmp_path / str(at), at, monkeypatch)
        assert list(dict.fromkeys(ids)) == ONCE, f"killed at {at}, {moment}"
        doubled = len(ids) - len(ONCE)
        told = moment == "after sending" or (moment == "before writing" and moments[at - 2] == "after sending")
        assert doubled == int(told), f"killed at {at}, {moment}"
