"""Batches, and one piece of work on many hosts at once."""

from __future__ import annotations

import threading
import time

import pytest

from deploy.errors import StepFailed
from deploy.fleet import batches, joined, on_each


@pytest.mark.parametrize(
    ("hosts", "sizes", "portions"),
    [
        (5, ("100%",), [5]),
        (5, (1, "100%"), [1, 4]),
        (50, (1, "25%", "100%"), [1, 13, 36]),
        (5, (2,), [2, 2, 1]),
        (3, ("1%",), [1, 1, 1]),
        (1, (1, "25%", "100%"), [1]),
        (0, (1,), []),
    ],
)
def test_hosts_come_in_portions(hosts: int, sizes: tuple[str | int, ...], portions: list[int]) -> None:
    names = [str(number) for number in range(hosts)]
    found = batches(names, sizes)
    assert [len(portion) for portion in found] == portions
    assert [host for portion in found for host in portion] == names


def test_what_fails_is_told_by_host_and_the_others_are_done() -> None:
    done = []

    def work(host: str) -> None:
        if host == "two":
            raise StepFailed("the disk is full")
        done.append(host)

    errors = on_each(["one", "two", "three"], work, threading.Event())
    assert sorted(done) == ["one", "three"]
    assert {host: str(error) for host, error in errors.items()} == {"two": "the disk is full"}
    assert "failed on 1 of 3 hosts:\ntwo: the disk is full" in str(joined("switch", errors, 3))


def test_the_error_of_a_single_host_is_raised_as_it_is() -> None:
    def work(host: str) -> None:
        raise StepFailed("no")

    with pytest.raises(StepFailed, match=r"^no$"):
        on_each(["one"], work, threading.Event())


def test_a_defect_is_not_taken_for_a_failure_of_the_host() -> None:
    def work(host: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        on_each(["one", "two"], work, threading.Event())


def test_an_interruption_stops_what_runs_and_waits_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, ended = threading.Event(), []

    def interrupted(running: object) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    def work(host: str) -> None:
        while not stopped.is_set():
            time.sleep(0.001)
        ended.append(host)

    monkeypatch.setattr("deploy.fleet.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        on_each(["one", "two"], work, stopped)
    assert sorted(ended) == ["one", "two"] and not stopped.is_set()
