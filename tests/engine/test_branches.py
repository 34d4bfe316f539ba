"""Each branch that is broken on purpose ends where it should, and production holds what it held before."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from deploy.backups.content import differences
from tests.engine.checkout import Checkout, Snapshot

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Ending:
    """How a deployment ends: exit code, the phase it ended in, and what is named as the reason."""

    code: int
    phase: str
    reason: str


BROKEN = {
    "migration-fails": Ending(6, "validate.pre", "listing_rating"),
    "migration-fails-on-data": Ending(6, "validate.pre", "one_listing_per_postcode"),
    "health-bad": Ending(6, "validate.pre", "dashboard-works"),
    "quality-success": Ending(3, "validate.post", "llm-success"),
    "quality-nulls": Ending(3, "validate.post", "null-rates"),
    "tests-fail": Ending(6, "validate.pre", "tests"),
    "secret-committed": Ending(6, "prereqs", "keys-not-committed"),
    "load-crashes": Ending(3, "load", "run_all"),
}


@pytest.mark.parametrize("branch", BROKEN)
def test_broken_release_leaves_production_as_it_was(branch: str, v2: Snapshot, checkout: Checkout) -> None:
    ending = BROKEN[branch]
    said = checkout.invoke("deploy.local", "--ref", f"broken/{branch}", code=ending.code)
    assert ending.reason in said
    assert checkout.records("phase.started")[-1]["phase"] in (ending.phase, "rollback")
    assert ending.reason in checkout.records("failed")[0]["reason"]
    assert differences(v2.content, checkout.content()) == []
    assert (checkout.shape(), checkout.release) == (v2.shape, v2.release)
    assert checkout.databases() == {"engine"}
    assert "cut off" not in checkout.invoke("deploy.status", "--env", "local")


def test_failed_release_stays_as_it_is_on_request(v2: Snapshot, checkout: Checkout) -> None:
    said = checkout.invoke("deploy.local", "--ref", "broken/load-crashes", "--no-auto-rollback", code=4)
    assert "invoke rollback --env=local" in said
    assert checkout.release == checkout.id_of("broken/load-crashes")
    assert len(checkout.loaded()) == 3
    assert "invoke rollback --env=local" in checkout.invoke("deploy.local", "--ref", "v2", code=4)
    checkout.invoke("rollback", "--env", "local")
    assert differences(v2.content, checkout.content()) == []
    assert checkout.release == v2.release
    checkout.invoke("deploy.local", "--ref", "v2")


def test_destructive_migration_is_deployed_and_only_a_restore_takes_it_back(v2: Snapshot, checkout: Checkout) -> None:
    said = checkout.invoke("deploy.local", "--ref", "broken/destructive-migration")
    assert "restore-only" in checkout.report()
    assert "restore" in checkout.result("migrations-reviewed")["evidence"], said
    assert differences(v2.content, checkout.content()) != []
    refused = checkout.invoke("rollback", "--env", "local", "--database", "keep", code=4)
    assert "drop_opening_hours" in refused
    checkout.invoke("rollback", "--env", "local")
    assert differences(v2.content, checkout.content()) == []
    assert (checkout.shape(), checkout.release) == (v2.shape, v2.release)
    assert checkout.value('select count(opening_hours) from "Listing"') > 0


def test_reversible_migration_is_taken_back_by_its_down_sql(v2: Snapshot, checkout: Checkout) -> None:
    """Of its two migrations only the second stands in the old release's way; the new column may stay."""
    moved = """select count(query), count(*) filter (where metadata_json::jsonb ? 'query') from "RawIngestion\""""
    checkout.invoke("deploy.local", "--ref", "reversible-migration")
    rows = checkout.counts()
    assert checkout.rows(moved) == [(rows['public."RawIngestion"'], 0)]
    checkout.invoke("rollback", "--env", "local")
    assert checkout.records("rollback.started")[-1]["way"] == "down"
    assert checkout.rows(moved) == [(0, rows['public."RawIngestion"'])]
    assert (checkout.counts(), checkout.databases(), checkout.release) == (rows, {"engine"}, v2.release)
    checkout.invoke("deploy.local", "--ref", "reversible-migration")
    assert checkout.rows(moved) == [(checkout.counts()['public."RawIngestion"'], 0)]


def test_index_is_made_concurrently_and_is_valid(v2: Snapshot, checkout: Checkout) -> None:
    checkout.invoke("deploy.local", "--ref", "concurrent-index")
    query = """
        select i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid = '"Listing"'::regclass and c.relname like '%%website%%'"""
    assert checkout.rows(query) == [(True,)]
    checkout.invoke("rollback", "--env", "local")
    assert checkout.release == v2.release
