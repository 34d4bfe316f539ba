from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.checklists.signoff import SignOff
from deploy.errors import ConfigError
from deploy.journal import Archive, Journal
from deploy.record import LATEST, earlier_than, find, seconds, signed_before
from deploy.result import Result, Severity, Status


def session(folder: Path) -> Any:
    return SimpleNamespace(archive=Archive(folder), environment=SimpleNamespace(name="local"))


def test_a_deployment_is_found_by_what_names_it_alone(tmp_path: Path) -> None:
    for name in ("20261123T011500Z-1a2b", "20261124T011500Z-1a2c"):
        Journal.create(tmp_path, name)
    place = session(tmp_path)
    assert find(place, LATEST).id.endswith("1a2c")
    assert find(place, "1a2b").id == find(place, "20261123").id == "20261123T011500Z-1a2b"
    for name, why in (("2026", "several deployments fit"), ("1a2d", "there is no deployment")):
        with pytest.raises(ConfigError, match=why):
            find(place, name)


def test_an_old_journal_that_is_damaged_does_not_stand_in_the_way_of_a_report(tmp_path: Path) -> None:
    Journal.create(tmp_path, "a")
    assert [each.id for each in earlier_than(session(tmp_path), "b")] == ["a"]
    (tmp_path / "a.jsonl").write_text("not a record\n")
    assert earlier_than(session(tmp_path), "b") == []


def test_what_comes_after_the_end_is_no_part_of_the_duration() -> None:
    journal = Journal(Path("/nonexistent/j.jsonl"))
    for kind, at in (("opened", "01:30:00"), ("closed", "01:30:07.5"), ("incident.closed", "05:00:00")):
        journal.records.append({"kind": kind, "at": f"2026-11-23T{at}+00:00"})
    assert seconds(journal) == 7.5


def test_signatures_that_only_results_tell_of_are_listed_when_a_report_is_written_again() -> None:
    at = "2026-11-23 01:30 UTC"
    results = [
        Result(item, item, "prereqs", Severity.CRITICAL, Status.PASS, found=f"signed by Ada B. at {at}{more}")
        for item, more in (("notes", ""), ("rota", "; 3 people"))
    ]
    given = [SignOff("rota", "Ada B.", datetime(2026, 11, 23, 1, 30, tzinfo=UTC))]
    assert list(signed_before(results, given)) == [SignOff("notes", "Ada B.", given[0].at)]
