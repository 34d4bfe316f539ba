"""The quick way back, and the try of it, on a real Airflow with a real journal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deploy import quick
from deploy.deployment import Deployment
from deploy.errors import ConfigError, PersonNeeded
from deploy.journal import Journal
from deploy.operate import Options
from deploy.rollback import WayBack
from deploy.session import Session, outcome
from deploy.steps.airflow import pauses, set_pauses
from deploy.steps.schedule import SwitchScheduleStep
from tests.backups.world import Said
from tests.flow.world import Silent

pytestmark = pytest.mark.live
BOTH = ("shop_original", "shop_optimised")
BEFORE, AFTER = {BOTH[0]: False, BOTH[1]: True}, {BOTH[0]: True, BOTH[1]: False}
BY = Options(by="Ada")


@pytest.fixture
def switched(deployment: Callable[..., Deployment]) -> Session:
    """What is left of a deployment that switched the schedule and succeeded."""
    made = deployment()
    set_pauses(made.site, BEFORE)
    session = Session(made.system, made.environment, made.site)
    step = SwitchScheduleStep(made)
    opened = {"ref": "main", "commit": made.commit, "previous": None, "release": made.release, "phases": []}
    journal = Journal.create(session.archive, made.id, **opened)
    journal.append("step.intended", step=step.name, touches=True, before=step.before())
    journal.append("step.done", step=step.name, facts=step.do(Said()))
    journal.append("closed", outcome="succeeded")
    return session


def newest(session: Session) -> Journal:
    return session.archive.journals()[-1]


def test_the_dags_change_places_again_and_nothing_else_is_undone(switched: Session) -> None:
    view = Silent()
    Journal.create(switched.archive, "t9-a-backup", backup="b").append("closed", outcome="done")
    assert quick.plan(switched).count("-X PATCH") == 2 and quick.plan_of_try(switched).count("-X PATCH") == 4
    quick.switch_back(switched, BY, view)
    assert pauses(switched.site, BOTH) == BEFORE
    assert "shop_optimised paused, shop_original running" in view.told[-1]
    journal = switched.archive.journals()[0]
    assert outcome(journal) == "succeeded" and WayBack(switched.of(journal), journal).begun() == []
    assert switched.archive.verify() == []
    with pytest.raises(ConfigError, match="no switch of the DAGs is in force"):
        quick.switch_back(switched, BY, view)


def test_a_switch_is_tried_there_and_back(switched: Session) -> None:
    told = quick.try_switch(switched, BY, Silent())
    assert (told["found"], told["there"], told["back"]) == (AFTER, BEFORE, AFTER)
    assert pauses(switched.site, BOTH) == AFTER
    assert [record["over"] for record in newest(switched).all(quick.TRIED)] == [False, True]


def test_a_try_that_was_cut_off_is_put_right_by_the_next_one(switched: Session) -> None:
    journal = switched.archive.open(newest(switched))
    journal.append(quick.TRIED, found=AFTER, over=False)
    set_pauses(switched.site, BEFORE)
    assert quick.try_switch(switched, BY, Silent())["found"] == AFTER


def test_where_airflow_does_not_follow_a_person_hears_what_should_be(switched: Session) -> None:
    lost = switched.environment.airflow.model_copy(update={"url": "http://127.0.0.1:1", "cli": ()})  # type: ignore[union-attr]
    away = type(switched.site)(switched.environment.model_copy(update={"airflow": lost}))
    with pytest.raises(PersonNeeded, match="They should be: shop_optimised paused, shop_original running"):
        quick.switch_back(Session(switched.system, switched.environment, away), BY, Silent())
    quick.switch_back(switched, BY, Silent())
    assert pauses(switched.site, BOTH) == BEFORE
