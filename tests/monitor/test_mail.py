"""Alerts by mail, taken by a real SMTP server in a process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

from deploy.monitor.routes import send
from deploy.sandbox.ports import free_port
from tests.monitor.doubles import START, make, results
from tests.ssh.machine import ended, reachable, wait_until

pytestmark = pytest.mark.live


@contextmanager
def smtp(folder: Path, port: int) -> Iterator[None]:
    """A server that puts what it takes into a mailbox below the folder."""
    argv = ["/usr/bin/python3", "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}"]
    process = subprocess.Popen([*argv, "-c", "aiosmtpd.handlers.Mailbox", str(folder / "mail")])
    try:
        wait_until(lambda: reachable("127.0.0.1", port))
        yield
    finally:
        ended(process)


def letters(folder: Path) -> list[EmailMessage]:
    """What is in the mailbox, in the order in which it came."""
    reader = BytesParser(EmailMessage, policy=policy.default)
    paths = sorted((folder / "mail/new").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    return [reader.parsebytes(path.read_bytes()) for path in paths]


def words(letter: EmailMessage) -> list[str]:
    """The lines of its text, whatever its spaces: what aligns in a terminal need not do so in a letter."""
    part = letter.get_body(("plain",))
    assert part
    return [" ".join(line.split()) for line in part.get_content().splitlines()]


def test_a_letter_says_what_is_wrong_how_grave_it_is_and_what_to_do(tmp_path: Path) -> None:
    port = free_port()
    route = f"mailto://127.0.0.1:{port}/?from=monitor@shop.example&to=on-call@shop.example"
    monitor = make(tmp_path / "state", send, routes={"critical": route}, after=1)
    with smtp(tmp_path, port):
        assert monitor.round(results(database="fail"), START).troubles == ()
        assert monitor.round(results(), START + timedelta(minutes=1)).troubles == ()
    alert, recovered = letters(tmp_path)
    assert (alert["From"], alert["To"]) == ("monitor@shop.example", "on-call@shop.example")
    assert str(alert["Subject"]) == "[critical] shop in prod: The database answers @h: fail"
    assert words(alert)[:4] == ["FAIL The database answers @h", "expected 1", "found 2", "do Restart it."]
    assert str(recovered["Subject"]) == "[critical] shop in prod: The database answers @h: recovered"


def test_a_letter_waits_while_the_server_is_away_and_is_sent_once_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    route = f"mailto://127.0.0.1:{port}/?from=monitor@shop.example&to=on-call@shop.example"
    away = make(tmp_path / "state", send, routes={"critical": route}, after=1).round(results(database="fail"), START)
    assert away.troubles == ("mailto://*** (critical, warning, info): not reached, or not accepted",)
    for minute in (2, 3):
        back = make(tmp_path / "state", send, routes={"critical": route}, after=1)
        with smtp(tmp_path, port):
            assert back.round(results(database="fail"), START + timedelta(minutes=minute)).troubles == ()
    (letter,) = letters(tmp_path)
    assert "The database answers" in letter["Subject"] and "do Restart it." in words(letter)
    assert back.keeper.load().spool == []
