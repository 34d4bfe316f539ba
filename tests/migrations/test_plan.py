from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deploy.errors import ConfigError, PersonNeeded
from deploy.migrations.history import KEPT, STEPWISE, Row, identity, made_by
from deploy.migrations.layout import Migration
from deploy.migrations.plan import Plan, baseline, keeps_data_up_to, plan, rollback_way

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(name: str, sum: str = "s", *, done: bool = True, back: bool = False, logs: str | None = None) -> Row:
    return Row("id", sum, NOW if done else None, name, logs, NOW if back else None, NOW, 1)


def files(*names: str) -> list[Migration]:
    return [Migration(name, "", "s") for name in names]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (None, Plan(pending=("a", "b"))),
        ([row("a")], Plan(applied=("a",), pending=("b",))),
        ([row("a"), row("b")], Plan(applied=("a", "b"))),
        ([row("a", "x"), row("b")], Plan(applied=("a", "b"), edited=("a",))),
        ([row("a"), row("b", done=False)], Plan(applied=("a",), failed=("b",))),
        ([row("a"), row("b", back=True)], Plan(applied=("a",), pending=("b",))),
        ([row("a"), row("b", done=False, back=True)], Plan(applied=("a",), pending=("b",))),
        ([row("a"), row("b", back=True), row("b")], Plan(applied=("a", "b"))),
        ([row("a"), row("b"), row("c")], Plan(applied=("a", "b"), unknown=("c",))),
        ([row("a"), row("b"), row("c", logs=KEPT)], Plan(applied=("a", "b"), kept=("c",))),
        ([row("a"), row("b"), row("c", done=False)], Plan(applied=("a", "b"), failed=("c",))),
        ([row("b")], Plan(applied=("b",), pending=("a",), out_of_order=("a",))),
        ([row("a"), row("b", done=False, logs=STEPWISE)], Plan(applied=("a",), pending=("b",), resumable=("b",))),
        ([row("a"), row("b", "x", done=False, logs=STEPWISE)], Plan(applied=("a",), failed=("b",))),
    ],
)
def test_how_each_migration_stands(history: list[Row] | None, expected: Plan) -> None:
    assert plan(files("a", "b"), history) == expected


def test_what_stops_and_what_is_only_said() -> None:
    assert plan(files("a"), [row("a")]).clean
    assert not plan(files("a"), []).clean
    stopped = Plan(edited=("a",), failed=("b",), unknown=("c",), out_of_order=("d",))
    assert [problem.split(":")[0] for problem in stopped.problems()] == ["a", "b", "c"]
    assert len(stopped.warnings()) == 1


def test_tables_without_a_history_need_a_baseline() -> None:
    assert plan(files("it's"), None, empty=False).problems()
    assert plan([], None, empty=False).clean
    assert "'it''s'" in baseline(files("it's"), "_prisma_migrations")


def test_a_row_tells_which_deployment_made_it() -> None:
    made = Row(identity("one", "a", 3), "s", NOW, "a", None, None, NOW, 1)
    assert made_by("one", made) and not made_by("two", made)
    assert len(made.id) == 36


E, D, R = "expand-only", "reversible", "restore-only"


@pytest.mark.parametrize(
    ("classes", "auto"),
    [
        ({}, "keep"),
        ({"a": E}, "keep"),
        ({"a": E, "b": D}, "down"),
        ({"a": R, "b": D}, "restore"),
        ({"a": "?"}, "restore"),
    ],
)
def test_the_way_back(classes: dict[str, str], auto: str) -> None:
    assert rollback_way(classes, "auto") == auto == rollback_way(classes, "down")
    assert rollback_way(classes, "restore") == "restore"
    if auto == "restore":
        with pytest.raises(PersonNeeded, match="only a restore takes back a"):
            rollback_way(classes, "keep")
    else:
        assert rollback_way(classes, "keep") == auto


def test_a_way_that_does_not_exist() -> None:
    with pytest.raises(ConfigError):
        rollback_way({}, "kep")


def test_up_to_where_a_rollback_keeps_the_data() -> None:
    assert keeps_data_up_to({"b": E, "a": D, "c": R, "d": E}) == "b"
    assert keeps_data_up_to({"a": R}) is None
    assert keeps_data_up_to({"a": E}) == "a"
