"""A deployment whose process is killed in a step is finished, or taken back, by the next command."""

from __future__ import annotations

import pytest

from deploy.backups.content import differences
from tests.engine.checkout import Checkout, Snapshot

pytestmark = pytest.mark.live

# Seconds after the intent was journaled: in the midst of the step, on most machines; every moment must do.
STEPS = {"backup": 0.15, "release": 0.3, "rehearse": 0.02, "migrate": 0.01, "switch": 0.0, "load": 0.4}


@pytest.mark.parametrize("step", STEPS)
def test_killed_deployment_is_resumed_to_the_same_end(step: str, v1: Snapshot, checkout: Checkout) -> None:
    checkout.killed_in(step, STEPS[step], "deploy.local", "--ref", "v2")
    assert "cut off" in checkout.invoke("deploy.status", "--env", "local")
    checkout.invoke("deploy.resume", "--env", "local")
    undisturbed = checkout.snapshots["v2"]
    assert checkout.release == undisturbed.release
    assert checkout.shape() == undisturbed.shape
    rows, expected = checkout.counts(), {name: table.rows for name, table in undisturbed.content.items()}
    if step == "load":  # a source gives what comes after the rows that are there, however many a cut-off command left
        assert [name for name in expected if rows[name] < expected[name]] == []
        assert checkout.result("extraction-complete")["status"] == "pass"
    else:
        assert rows == expected
    assert len(checkout.loaded()) == 2
    checkout.invoke("deploy.history", "--env", "local", "--verify")


@pytest.mark.parametrize("step", ["release", "migrate"])
def test_killed_deployment_is_rolled_back(step: str, v1: Snapshot, checkout: Checkout) -> None:
    checkout.killed_in(step, STEPS[step], "deploy.local", "--ref", "v2")
    refused = checkout.invoke("deploy.local", "--ref", "v2", code=5)
    assert "no longer runs" in refused
    checkout.invoke("rollback", "--env", "local", "--database", "restore")
    assert (checkout.shape(), checkout.release) == (v1.shape, v1.release)
    assert differences(v1.content, checkout.content()) == []


def test_rows_of_a_killed_load_are_taken_back(v1: Snapshot, checkout: Checkout) -> None:
    """The migration only adds, and stays; the rows of a load that never ended well go."""
    checkout.killed_in("load", STEPS["load"], "deploy.local", "--ref", "v2")
    checkout.invoke("rollback", "--env", "local")
    rows = {name: table.rows for name, table in v1.content.items()}
    assert checkout.counts() == rows | {"public._prisma_migrations": 2}
    assert len(checkout.loaded()) == 1
    assert checkout.release == v1.release


def test_killed_rollback_is_resumed(v2: Snapshot, checkout: Checkout) -> None:
    back = "rollback", "--env", "local", "--database", "restore"
    checkout.killed_after(0.1, *back, kind="undo.intended", step="restore")
    checkout.invoke("deploy.resume", "--env", "local")
    before = checkout.snapshots["v1"]
    assert differences(before.content, checkout.content()) == []
    assert (checkout.shape(), checkout.release) == (before.shape, before.release)


def test_killed_restore_of_a_backup_is_run_again(v2: Snapshot, checkout: Checkout) -> None:
    """Nobody calls it done before it is; the same command finishes it."""
    restore = "backup.restore", "--env", "local", "--force", "--id", checkout.newest().id
    checkout.rows('delete from "MergeConflict"')
    checkout.killed_after(0.05, *restore, kind="restore.intended")
    checkout.invoke("deploy.unlock", "--env", "local")
    for other in (("deploy.resume",), ("rollback",), ("deploy.local", "--ref", "v2")):
        assert "backup.restore" in checkout.invoke(
            *other, *(() if "deploy.local" in other else ("--env", "local")), code=4
        )
    checkout.invoke(*restore)
    assert differences(checkout.snapshots["v1"].content, checkout.content()) == []
    assert checkout.invoke("deploy.status", "--env", "local").count("cut off") == 0
