"""The probe `backup.fresh`: its script on real folders, its judgement of what it prints."""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.backups.manifest import Receipt
from deploy.errors import ConfigError
from deploy.probes.backup import Fresh
from deploy.question import Output, Unanswered
from deploy.result import Status, Verdict
from deploy.scope import Scope
from deploy.site import Site
from deploy.system import Environment
from tests.backups.test_retention import info

HERE = Site(Environment.model_validate({"name": "local", "root": "/", "repository": "/r"}))


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    return tmp_path / "root/backups"


def put(backups: Path, hours: float, *, receipt: bool = True, database: str = "app") -> None:
    manifest = info(0, database=database).manifest
    assert manifest
    started = datetime.now(UTC) - timedelta(hours=hours)
    id = f"{started:%Y%m%dT%H%M%SZ}"
    text = manifest.model_copy(update={"id": id, "started_at": started}).text()
    folder = backups / id / database
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(text)
    if receipt:
        proof = Receipt(
            id=id, database=database, manifest=hashlib.sha256(text.encode()).hexdigest(), restored_into="x",
            by="me@here", at=started, restored_seconds=1, seconds=1, tables=1, rows=1, files=1,
        )  # fmt: skip
        (folder / "receipt.json").write_text(proof.text())


def judged(backups: Path, **parameters: str) -> Verdict | Unanswered:
    probe = Fresh(**parameters)
    (answer,) = HERE.answer([("localhost", probe.ask(Scope(names={"backups": str(backups)})))])
    return probe.judge(answer) if isinstance(answer, Output) else answer


def test_the_newest_proven_one_is_young_enough(backups: Path) -> None:
    put(backups, 50, receipt=False)
    put(backups, 3.51)
    verdict = judged(backups)
    assert isinstance(verdict, Verdict) and verdict.status is Status.PASS
    assert verdict.found.endswith("3 h 30 min old") and "me@here" in verdict.evidence


@pytest.mark.parametrize(
    ("hours", "receipt", "found"),
    [(25.01, True, "25 h 0 min old"), (1, False, "does not count: never restored: no receipt")],
)
def test_one_that_is_old_or_unproven_fails(backups: Path, hours: float, receipt: bool, found: str) -> None:
    put(backups, 100)
    put(backups, hours, receipt=receipt)
    verdict = judged(backups)
    assert isinstance(verdict, Verdict) and verdict.status is Status.FAIL and verdict.found.endswith(found)


def test_none_at_all_fails(backups: Path) -> None:
    for there in (False, True):
        if there:
            put(backups, 1, database="other")
        verdict = judged(backups)
        assert isinstance(verdict, Verdict) and (verdict.status, verdict.found) == (Status.FAIL, "no backup of app")


def test_what_cannot_be_judged_is_unknown(backups: Path) -> None:
    put(backups, -2)
    verdict = judged(backups)
    assert isinstance(verdict, Verdict) and verdict.status is Status.UNKNOWN and "clock" in verdict.found
    shutil.rmtree(backups)
    put(backups, 1)
    next(backups.glob("*/app/manifest.json")).write_text("{")
    verdict = judged(backups)
    assert isinstance(verdict, Verdict) and verdict.status is Status.UNKNOWN


def test_a_folder_that_may_not_be_entered_is_no_answer(backups: Path) -> None:
    backups.parent.mkdir()
    backups.write_text("a file where the folder should be")
    assert isinstance(judged(backups), Unanswered)


def test_a_span_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError):
        Fresh(within="soon")
