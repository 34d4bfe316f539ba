"""The engine's two good releases: deployed, deployed again, taken back."""

from __future__ import annotations

import pytest

from deploy.backups.content import differences
from tests.engine.checkout import Checkout, Snapshot

pytestmark = pytest.mark.live

VENUE = "Written since the deployment"
INSERT = """
insert into "Listing" (id, entity_name, slug, "entityType", "updatedAt") values ('hand', %s, 'hand', 'VENUE', now())"""


def migrations(checkout: Checkout) -> list[tuple[object, ...]]:
    return checkout.rows("select * from _prisma_migrations order by migration_name")


def test_first_deployment_makes_what_is_not_there(v1: Snapshot, checkout: Checkout) -> None:
    assert v1.release == checkout.id_of("v1")
    assert len(migrations(checkout)) == 1
    (deployment, rows), *_ = checkout.loaded().items()
    assert deployment == checkout.newest().id
    assert rows > 50
    assert "| Outcome" in checkout.report() or "Deployed" in checkout.report()


def test_same_release_again_changes_nothing_and_proves_everything(v2: Snapshot, checkout: Checkout) -> None:
    releases, history = checkout.releases, migrations(checkout)
    said = checkout.invoke("deploy.local", "--ref", "v2")
    assert differences(v2.content, checkout.content()) == []
    assert (checkout.releases, migrations(checkout), checkout.release) == (releases, history, v2.release)
    phases = [record["phase"] for record in checkout.records("phase.passed")]
    assert phases == [
        "prereqs", "backup", "release", "validate.pre", "migrate", "switch", "load", "monitor", "validate.post",
    ]  # fmt: skip
    assert [record["step"] for record in checkout.records("step.intended") if record["touches"]] == []
    assert checkout.result("tests")["status"] == checkout.result("llm-success")["status"] == "pass"
    assert "already so" in said


def test_second_release_migrates_and_loads(v2: Snapshot, checkout: Checkout) -> None:
    before = checkout.snapshots["v1"]
    assert v2.release == checkout.id_of("v2") != before.release
    assert v2.shape != before.shape
    assert len(migrations(checkout)) == 2
    assert len(checkout.loaded()) == 2
    assert checkout.loaded()[checkout.newest().id] > 0
    assert checkout.value('select count(*) from "Listing" where description is null') == 0
    assert "20260129090000_listing_description" in checkout.report()


def test_restore_brings_release_schema_and_data_back(v2: Snapshot, checkout: Checkout) -> None:
    before = checkout.snapshots["v1"]
    checkout.rows(INSERT, VENUE)
    written = checkout.content()
    checkout.invoke("rollback", "--env", "local", "--database", "restore")
    assert differences(before.content, checkout.content()) == []
    assert (checkout.shape(), checkout.release) == (before.shape, before.release)
    (kept,) = checkout.databases() - {"engine"}
    assert differences(written, checkout.content(kept)) == []
    report = checkout.report().replace("\\", "")  # as it reads once it is rendered
    assert kept in report
    assert 'public."Listing" +' in report
    assert checkout.report("incident.md")
    checkout.invoke("deploy.local", "--ref", "v2")
    assert checkout.release == v2.release
    assert checkout.shape() == v2.shape


@pytest.mark.parametrize("choice", ["auto", "keep"])
def test_additive_migration_stays_with_the_rows_written_since(choice: str, v2: Snapshot, checkout: Checkout) -> None:
    checkout.rows(INSERT, VENUE)
    written = checkout.content()
    checkout.invoke("rollback", "--env", "local", "--database", choice)
    assert checkout.release == checkout.snapshots["v1"].release
    assert checkout.result("healthy-again")["status"] == "pass"
    assert changed(written, checkout) <= {"public._prisma_migrations"}
    assert checkout.databases() == {"engine"}


def test_release_comes_back_to_data_that_was_kept(v2: Snapshot, checkout: Checkout) -> None:
    checkout.rows(INSERT, VENUE)
    checkout.invoke("rollback", "--env", "local")
    checkout.invoke("deploy.local", "--ref", "v2")
    assert (checkout.shape(), checkout.release) == (v2.shape, v2.release)
    assert checkout.value('select entity_name from "Listing" where id = %s', "hand") == VENUE


def changed(before: dict[str, object], checkout: Checkout) -> set[str]:
    after = checkout.content()
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_rollback_to_a_named_release_takes_back_all_above_it(v2: Snapshot, checkout: Checkout) -> None:
    checkout.invoke("deploy.local", "--ref", "concurrent-index")
    said = checkout.invoke("rollback", "--env", "local", "--to", checkout.id_of("v1"), "--database", "restore")
    before = checkout.snapshots["v1"]
    assert differences(before.content, checkout.content()) == [], said
    assert (checkout.shape(), checkout.release) == (before.shape, before.release)


def test_plan_is_printed_and_nothing_changes(v2: Snapshot, checkout: Checkout) -> None:
    journals = checkout.archive.paths()
    deploy = checkout.invoke("--dry", "deploy.local", "--ref", "v1")
    back = checkout.invoke("rollback.plan", "--env", "local", "--database", "restore")
    assert "pg_dump" in deploy
    assert "pg_restore" in back
    for secret in ("SANDBOX_DATABASE_ADMIN_URL", "SANDBOX_ANTHROPIC_API_KEY"):
        assert checkout.variables[secret] not in deploy + back
    assert checkout.archive.paths() == journals
    assert differences(v2.content, checkout.content()) == []
