"""Which backups a rollback could need."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deploy.journal import Archive, Journal
from deploy.safekeeping import needed
from deploy.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Session:
    system = SimpleNamespace(release=SimpleNamespace(keep=2))
    return cast(Session, SimpleNamespace(archive=Archive(tmp_path), system=system))


def journal(session: Session, id: str, *, touches: bool = True, outcome: str | None = "succeeded") -> None:
    written = Journal.create(session.archive.folder, id)
    written.append("step.intended", step="migrate", touches=touches, before={})
    if outcome:
        written.append("closed", outcome=outcome)


@pytest.mark.parametrize(
    "later",
    [{"touches": False}, {"outcome": "rolled back"}, {"touches": False, "outcome": "stopped"}],
    ids=["backups alone", "rolled back", "stopped"],
)
def test_what_changed_nothing_does_not_push_deployments_out(session: Session, later: dict[str, Any]) -> None:
    journal(session, "1")
    journal(session, "2")
    for number in range(3, 9):
        journal(session, str(number), **later)
    assert needed(session) == {"1", "2"}


def test_the_newest_deployments_count_and_one_that_is_open(session: Session) -> None:
    for number in "123":
        journal(session, number)
    journal(session, "4", outcome=None)
    assert needed(session) == {"3", "4"}
