"""Each task by itself does what its help says, and no more."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.engine.checkout import Checkout, Snapshot

pytestmark = pytest.mark.live

LOCAL = ("--env", "local")
OPEN = {"fail", "unknown", "pending"}


def same(state: Snapshot, checkout: Checkout) -> bool:
    """Whether production is what it was."""
    return (state.content, state.shape, state.release) == (checkout.content(), checkout.shape(), checkout.release)


def as_json(checkout: Checkout, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """The results that a checking task writes."""
    path = checkout.folder / "results.json"
    checkout.invoke(*words, *LOCAL, "--format", "json", "--output", str(path), code=code)
    results: list[dict[str, Any]] = json.loads(path.read_text())["results"]
    path.unlink()
    return results


def test_release_is_prepared_and_not_switched_to(v1: Snapshot, checkout: Checkout) -> None:
    checkout.invoke("release", "--ref", "v2", *LOCAL)
    assert checkout.releases == {checkout.id_of("v1"), checkout.id_of("v2")}
    assert same(v1, checkout)
    assert checkout.result("release-intact")["status"] == "pass"


def test_release_is_validated_on_a_copy(v1: Snapshot, checkout: Checkout) -> None:
    checkout.invoke("validate.pre", "--ref", "v2", *LOCAL)
    assert same(v1, checkout)
    assert checkout.result("dry-run")["status"] == checkout.result("tests")["status"] == "pass"
    checkout.invoke("validate.pre", "--ref", "broken/tests-fail", *LOCAL, code=6)
    assert same(v1, checkout)


def test_migrations_alone_are_applied_and_taken_back(v1: Snapshot, checkout: Checkout) -> None:
    checkout.invoke("migrate", "--ref", "v2", *LOCAL)
    assert checkout.release == v1.release
    assert checkout.shape() == checkout.snapshots["v2"].shape
    assert checkout.result("migrations-applied")["status"] == "pass"
    checkout.invoke("rollback", *LOCAL, "--database", "restore")
    assert same(v1, checkout)


def test_phases_one_by_one_make_a_deployment(v1: Snapshot, checkout: Checkout) -> None:
    for phase in ("migrate", "switch", "load"):
        checkout.invoke(phase, "--ref", "v2", *LOCAL)
    v2 = checkout.snapshots["v2"]
    assert (checkout.release, checkout.shape()) == (v2.release, v2.shape)
    assert checkout.counts() == {name: table.rows for name, table in v2.content.items()}
    checkout.invoke("validate.post", *LOCAL)


def test_backup_is_made_proven_and_restored(v2: Snapshot, checkout: Checkout) -> None:
    checkout.invoke("backup.create", *LOCAL)
    assert same(v2, checkout)
    identity = checkout.newest().id
    newest, *_ = json.loads(checkout.invoke("backup.list", *LOCAL, "--format", "json"))
    assert (newest["id"], newest["verified"]) == (identity, True)
    checkout.invoke("backup.verify", *LOCAL)
    checkout.invoke("backup.verify", *LOCAL, "--restore")
    checkout.rows('delete from "FailedExtraction"')
    checkout.rows('delete from "ExtractedListing"')
    assert "pg_restore" in checkout.invoke("--dry", "backup.restore", "--id", identity, *LOCAL)
    refused = checkout.invoke("backup.restore", "--id", identity, *LOCAL, code=2)
    assert "--force" in refused
    checkout.invoke("backup.restore", "--id", identity, *LOCAL, "--force")
    assert same(v2, checkout)
    (kept,) = checkout.databases() - {"engine"}
    assert checkout.value('select count(*) from "ExtractedListing"', dbname=kept) == 0


def test_damaged_backup_is_found(v2: Snapshot, checkout: Checkout) -> None:
    (folder, *_) = sorted(path for path in (checkout.target / "backups").iterdir() if path.is_dir())[::-1]
    damaged = max(folder.rglob("*.dat*"), key=lambda path: path.stat().st_size)
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    assert damaged.name in checkout.invoke("backup.verify", *LOCAL, code=6)
    checkout.invoke("backup.restore", "--id", folder.name, *LOCAL, "--force", code=3)
    assert same(v2, checkout)
    assert json.loads(checkout.invoke("deploy.status", *LOCAL, "--format", "json"))["unfinished"] is None
    assert checkout.databases() == {"engine"}


def test_backups_are_pruned_but_none_that_a_rollback_needs(v2: Snapshot, checkout: Checkout) -> None:
    before = {path.name for path in (checkout.target / "backups").iterdir()}
    checkout.invoke("backup.create", *LOCAL)
    told = checkout.invoke("--dry", "backup.prune", *LOCAL)
    assert {path.name for path in (checkout.target / "backups").iterdir()} > before
    assert checkout.invoke("backup.prune", *LOCAL).replace("removed", "would be removed") == told
    assert {path.name for path in (checkout.target / "backups").iterdir()} >= before


def test_windows_judge_what_is_owed_and_pass_nothing_unseen(v2: Snapshot, checkout: Checkout) -> None:
    hour, day, week = (as_json(checkout, "validate.post", f"--window={window}") for window in ("1h", "24h", "7d"))
    assert {row["due"] for row in hour} == {"1h"}
    assert {row["due"] for row in day} == {"1h", "24h"}
    assert {row["due"] for row in week} == {"1h", "24h", "7d"}
    assert [row["item"] for row in hour if row["status"] in OPEN] == []
    known = {row["item"]: row for row in week}
    assert known["cache-trend"]["status"] == "unknown"
    assert known["slow-statements"]["status"] in ("unknown", "pending")
    for row in week:
        assert row["status"] in OPEN | {"pass", "skipped"}
        assert row["found"] or row["status"] != "pass", f"{row['item']} passes without having found anything"
    assert same(v2, checkout)


def test_deployment_without_data_of_its_own_is_not_judged_by_nothing(v2: Snapshot, checkout: Checkout) -> None:
    for table in ("ExtractedListing", "FailedExtraction", "Listing", "RawIngestion"):
        checkout.rows(f'truncate "{table}" cascade')
    results = {row["item"]: row for row in as_json(checkout, "validate.post", "--window=24h", code=6)}
    for item in ("llm-success", "deterministic-success", "null-rates", "llm-cost", "failure-batches"):
        assert results[item]["status"] in ("unknown", "fail"), results[item]
    watched = {row["item"]: row["status"] for row in as_json(checkout, "monitor", code=6)}
    assert watched["failure-rate"] == "unknown"
    assert watched["cache-hit-rate"] == "unknown"


def test_monitor_and_prerequisites_speak_all_formats(v2: Snapshot, checkout: Checkout) -> None:
    watched = {row["item"]: row["status"] for row in as_json(checkout, "monitor")}
    assert watched["failure-rate"] == watched["database-alive"] == "pass"
    asked = {row["item"]: row["status"] for row in as_json(checkout, "prereqs")}
    assert set(asked.values()) == {"pass"}
    path = checkout.folder / "results.xml"
    checkout.invoke("prereqs", *LOCAL, "--format", "junit", "--output", str(path))
    suite = ElementTree.parse(path).getroot()
    assert len(list(suite.iter("testcase"))) == len(asked)
    assert "passed" in checkout.invoke("monitor", *LOCAL)
    assert "html" in checkout.invoke("monitor", *LOCAL, "--format", "html", code=2)
    assert same(v2, checkout)


def test_all_phases_are_judged_at_once(v2: Snapshot, checkout: Checkout) -> None:
    rows = as_json(checkout, "validate.all")
    phases = list(dict.fromkeys(row["phase"] for row in rows))
    assert phases == [
        "prereqs",
        "backup",
        "release",
        "validate.pre",
        "migrate",
        "switch",
        "load",
        "monitor",
        "validate.post",
    ]
    assert {row["status"] for row in rows if row["phase"] == "validate.pre"} == {"skipped"}
    assert [row["item"] for row in rows if row["status"] in ("fail", "unknown") and row["severity"] == "critical"] == []
    said = checkout.invoke("validate.all", *LOCAL).splitlines()
    assert any(line.startswith("status ") for line in said)
    assert same(v2, checkout)


def test_prerequisites_that_do_not_hold_stop_before_anything_is_made(v2: Snapshot, checkout: Checkout) -> None:
    sources = checkout.target / "shared/engine/config/sources.yaml"
    kept = sources.read_text()
    sources.write_text(kept + "\nserper_two:\n  api_key: YOUR_KEY_HERE\n")
    backups = list((checkout.target / "backups").iterdir())
    failed = {row["item"] for row in as_json(checkout, "prereqs", code=6) if row["status"] == "fail"}
    assert failed == {"source-settings"}
    checkout.invoke("deploy.local", "--ref", "v1", code=6)
    assert list((checkout.target / "backups").iterdir()) == backups
    assert same(v2, checkout)


def test_status_and_history_tell_what_is_deployed(v2: Snapshot, checkout: Checkout) -> None:
    state = json.loads(checkout.invoke("deploy.status", *LOCAL, "--format", "json"))
    assert (state["release"], state["lock"], state["unfinished"]) == (v2.release, None, None)
    assert [window["window"] for window in state["owed"]] == ["1h", "24h", "7d"]
    rows = json.loads(checkout.invoke("deploy.history", *LOCAL, "--format", "json"))
    assert [(row["ref"], row["outcome"]) for row in rows] == [("v2", "succeeded"), ("v1", "succeeded")]
    checkout.invoke("deploy.history", *LOCAL, "--verify")
    (journal, *_) = checkout.archive.paths()
    journal.write_text(journal.read_text().replace('"ref":"v1"', '"ref":"v3"'))
    assert "was changed" in checkout.invoke("deploy.history", *LOCAL, "--verify", code=2)
    checkout.back_to("v2")
