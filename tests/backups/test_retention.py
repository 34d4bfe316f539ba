from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from deploy.backups.dump import create
from deploy.backups.manifest import Manifest, Receipt
from deploy.backups.proof import prove
from deploy.backups.retention import choose, prune
from deploy.backups.store import BackupInfo
from deploy.system import Backup
from tests.backups.world import Said, World

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)  # a Monday
POLICY = Backup(daily=3, weekly=2, monthly=2)


def info(days: float, *, verified: bool = True, readable: bool = True, database: str = "app") -> BackupInfo:
    """A backup made so many days ago; its id sorts by time."""
    started = NOW - timedelta(days=days)
    id = f"{started:%Y%m%dT%H%M%SZ}"
    manifest = Manifest(
        id=id, database=database, dbname="app", server_version="18", dump_version="18", release="", deployment=id,
        started_at=started, seconds=1, bytes=1, files={}, tables={}, sequences={}, shape="",
    )  # fmt: skip
    problem = "" if verified and readable else "never restored: no receipt"
    return BackupInfo(id, database, f"/b/{id}", "", manifest if readable else None, None, problem)


def ids(*days: float) -> set[str]:
    return {info(day).id for day in days}


def test_days_weeks_and_months_keep_their_newest() -> None:
    every_half_day = [info(day / 2) for day in range(120)]
    chosen = choose(every_half_day, POLICY, set())
    # today, yesterday and the day before; last week's newest is yesterday's; last month's newest is of 31 October
    assert set(chosen.kept) == ids(0, 1 - 0.5, 2 - 0.5) | ids(22.5)
    assert chosen.kept[info(0).id] == "newest verified, daily, weekly, monthly"
    assert len(chosen.kept) + len(chosen.removed) == 120


def test_what_a_release_needs_stays_however_old() -> None:
    old = info(900)
    chosen = choose(
        [info(0), info(1), info(2), info(3), info(400), old], Backup(daily=1, weekly=0, monthly=0), {old.id, "gone"}
    )
    assert chosen.kept == {info(0).id: "newest verified, daily", old.id: "needed by a release"}


def test_an_unverified_one_fills_no_place_and_goes_once_a_newer_is_verified() -> None:
    chosen = choose([info(0, verified=False), info(1), info(2, verified=False), info(3)], POLICY, set())
    assert chosen.kept[info(0).id] == "not yet verified"
    assert chosen.kept[info(1).id].startswith("newest verified, daily")
    assert chosen.removed == {info(2).id: "never verified, and a newer one is"}


def test_while_none_is_verified_all_stay() -> None:
    assert choose([info(day, verified=False) for day in range(50)], POLICY, set()).removed == {}


def test_a_policy_of_nothing_keeps_the_newest_verified() -> None:
    nothing = Backup(daily=0, weekly=0, monthly=0)
    assert set(choose([info(day) for day in range(5)], nothing, set()).kept) == ids(0)


def test_what_cannot_be_read_is_left_for_a_person() -> None:
    chosen = choose([info(0), info(700, readable=False)], POLICY, set())
    assert chosen.kept[info(700).id] == "unreadable: look at it"


def test_a_backup_of_two_databases_is_verified_when_both_are() -> None:
    half = [info(0), info(0, database="other", verified=False), info(1), info(1, database="other")]
    assert choose(half, POLICY, set()).kept[info(1).id].startswith("newest verified")


@pytest.mark.live
def test_folders_go_and_a_dry_run_only_tells(make: Callable[..., World]) -> None:
    world = make(content="CREATE TABLE plain (id int)")
    for id in ("20260101T000000Z-0001", "20260101T000000Z-0002"):
        create(world.backups, id, release="", deployment=id, progress=Said())
        receipt = prove(world.backups, id, "app", scratch=f"{world.name}_scratch", purpose="test", progress=Said())
        assert isinstance(receipt, Receipt)
    (world.folder / ".trash-20250101").mkdir()
    world.backups.system.__dict__["backup"] = Backup(daily=1, weekly=0, monthly=0)
    told = prune(world.backups, set(), dry=True)
    assert told.removed == {"20260101T000000Z-0001": "superseded"}
    assert len(list(world.folder.iterdir())) == 3
    assert prune(world.backups, set()) == told
    assert [path.name for path in world.folder.iterdir()] == ["20260101T000000Z-0002"]
