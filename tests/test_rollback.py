"""The way back, decided from the journal alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.deployment import Deployment
from deploy.errors import PersonNeeded
from deploy.journal import Journal
from deploy.rollback import WayBack, facts_of, touched
from deploy.site import Site
from deploy.system import Environment, System

FLOW = ("backup", "release", "rehearse", "stop", "migrate", "switch", "start", "load")


def way(tmp_path: Path, *kinds: str, choice: str = "auto", succeeded: bool = False) -> WayBack:
    """A deployment that began every step, and applied migrations of these classes."""
    journal = Journal.create(tmp_path, "20260101T000000Z-aaaa", release="new")
    for step in FLOW:
        journal.append("step.intended", step=step, touches=step not in FLOW[:3], before={"seen": step})
        classes = {f"m{number}": kind for number, kind in enumerate(kinds)}
        journal.append("step.done", step=step, facts={"classes": classes} if step == "migrate" else {})
    if succeeded:
        journal.append("closed", outcome="succeeded")
    environment = Environment(name="test", root=str(tmp_path), repository="")
    system = System.model_validate({"name": "s", "title": "S", "folder": tmp_path, "flow": ["prereqs"]})
    facts: dict[str, Any] = facts_of(journal.records)
    return WayBack(
        Deployment("d", system, environment, Site(environment), "main", "c" * 40, "old", facts=facts), journal, choice
    )


def names(back: WayBack) -> list[str]:
    return [step.name for step in back.steps()]


def test_what_only_adds_stays_and_the_load_of_a_failed_deployment_goes(tmp_path: Path) -> None:
    back = way(tmp_path, "expand-only")
    assert back.way() == "keep"
    assert names(back) == list(reversed(FLOW))


def test_the_rows_of_a_deployment_that_succeeded_stay(tmp_path: Path) -> None:
    assert "load" not in names(way(tmp_path, "expand-only", succeeded=True))


@pytest.mark.parametrize(
    ("kinds", "choice", "found"),
    [
        ((), "auto", "keep"),
        (("expand-only", "reversible"), "auto", "down"),
        (("expand-only", "restore-only"), "auto", "restore"),
        (("expand-only",), "restore", "restore"),
    ],
)
def test_the_way_follows_from_the_classes_and_the_choice(
    tmp_path: Path, kinds: tuple[str, ...], choice: str, found: str
) -> None:
    assert way(tmp_path, *kinds, choice=choice).way() == found


def test_keeping_what_only_a_restore_takes_back_needs_a_person(tmp_path: Path) -> None:
    with pytest.raises(PersonNeeded):
        way(tmp_path, "restore-only", choice="keep").way()


def test_a_restore_stands_for_migration_and_load_before_the_copies_go(tmp_path: Path) -> None:
    back = way(tmp_path, "restore-only")
    assert names(back) == ["start", "switch", "restore", "stop", "rehearse", "release", "backup"]


def test_what_was_undone_is_not_undone_again(tmp_path: Path) -> None:
    back = way(tmp_path, "expand-only")
    for step in ("load", "start"):
        back.journal.append("undo.done", step=step, facts={})
    assert names(back) == ["switch", "migrate", "stop", "rehearse", "release", "backup"]


def test_a_step_that_was_only_intended_is_undone_with_what_the_intent_remembered(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, "20260101T000000Z-aaaa")
    assert not touched(journal)
    journal.append("step.intended", step="stop", touches=True, before={"stopped": ["worker"]})
    assert touched(journal)
    assert facts_of(journal.records) == {"stop": {"stopped": ["worker"]}}
