"""The journal: what is written stays, what was changed is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.errors import ConfigError
from deploy.journal import Archive, Journal, digest
from deploy.secret import Secret


def three(folder: Path, name: str = "20260101T000000Z-aaaa") -> Journal:
    journal = Journal.create(folder, name, ref="main")
    journal.append("step.intended", step="backup")
    journal.append("closed", outcome="succeeded")
    return journal


def lines(journal: Journal) -> list[str]:
    return journal.path.read_text().splitlines()


def rewrite(journal: Journal, changed: list[str]) -> None:
    journal.path.write_text("".join(line + "\n" for line in changed))


def test_records_are_chained_and_read_again(tmp_path: Path) -> None:
    journal = three(tmp_path)
    again = Journal.open(journal.path)
    assert [record["kind"] for record in again.records] == ["opened", "step.intended", "closed"]
    assert again.records[1]["prev"] == again.records[0]["hash"]
    assert Archive(tmp_path).verify() == []


def test_it_is_private(tmp_path: Path) -> None:
    journal = three(tmp_path / "journals")
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_changed_record_is_found(tmp_path: Path) -> None:
    journal = three(tmp_path)
    first, second, third = lines(journal)
    rewrite(journal, [first, second.replace("backup", "migrate"), third])
    assert any("line 2 was changed" in problem for problem in Archive(tmp_path).verify())


def test_a_changed_record_with_a_new_hash_breaks_the_chain(tmp_path: Path) -> None:
    journal = three(tmp_path)
    first, second, third = lines(journal)
    forged = json.loads(second) | {"step": "migrate"}
    forged["hash"] = digest(forged)
    rewrite(journal, [first, json.dumps(forged), third])
    assert any("line 3 does not follow" in problem for problem in Archive(tmp_path).verify())


def test_a_missing_record_is_found(tmp_path: Path) -> None:
    journal = three(tmp_path)
    first, _, third = lines(journal)
    rewrite(journal, [first, third])
    assert any("line 2 does not follow" in problem for problem in Archive(tmp_path).verify())


def test_a_tail_cut_at_a_record_is_found(tmp_path: Path) -> None:
    journal = three(tmp_path)
    rewrite(journal, lines(journal)[:2])
    assert any("missing at its end" in problem for problem in Archive(tmp_path).verify())


def test_a_journal_taken_away_is_missed_by_its_head_and_by_the_next(tmp_path: Path) -> None:
    journal = three(tmp_path, "20260101T000000Z-aaaa")
    three(tmp_path, "20260102T000000Z-bbbb")
    journal.path.unlink()
    problems = Archive(tmp_path).verify()
    assert any("20260101T000000Z-aaaa, whose journal is missing" in problem for problem in problems)
    assert any("its head is still there" in problem for problem in problems)


def test_a_journal_with_its_head_taken_away_is_missed_by_the_next(tmp_path: Path) -> None:
    journal = three(tmp_path, "20260101T000000Z-aaaa")
    three(tmp_path, "20260102T000000Z-bbbb")
    journal.path.unlink()
    journal.path.with_suffix(".head").unlink()
    assert any("whose journal is missing" in problem for problem in Archive(tmp_path).verify())


def test_the_journal_before_may_grow_later(tmp_path: Path) -> None:
    first = three(tmp_path, "20260101T000000Z-aaaa")
    three(tmp_path, "20260102T000000Z-bbbb")
    first.append("rollback.started", reason="asked for")
    assert Archive(tmp_path).verify() == []


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_torn_last_line_is_cut_off_recorded_and_gone_on_with(tmp_path: Path, cut: int) -> None:
    journal = three(tmp_path)
    data = journal.path.read_bytes()
    journal.path.write_bytes(data[:-cut])
    assert any("torn" in problem for problem in Archive(tmp_path).verify())
    journal.path.with_suffix(".head").write_text(json.dumps({"seq": 2, "hash": journal.records[1]["hash"]}))
    again = Journal.open(journal.path)
    assert [record["kind"] for record in again.records] == ["opened", "step.intended", "repaired"]
    assert again.records[-1]["cut"] > 0
    again.append("closed", outcome="succeeded")
    assert Archive(tmp_path).verify() == []


def test_bytes_that_are_no_record_are_named_with_their_line(tmp_path: Path) -> None:
    journal = three(tmp_path)
    rewrite(journal, [lines(journal)[0], "not json", lines(journal)[2]])
    assert any("line 2 is not a record" in problem for problem in Archive(tmp_path).verify())
    with pytest.raises(ConfigError, match=":2: is not a journal record"):
        Archive(tmp_path).journals()


def test_a_secret_is_masked_before_it_is_written(tmp_path: Path) -> None:
    Secret("canary-in-a-journal")
    journal = three(tmp_path)
    journal.append("failed", reason="login with canary-in-a-journal refused")
    assert "canary-in-a-journal" not in journal.path.read_text()
    assert Archive(tmp_path).verify() == []


def test_the_same_deployment_is_not_journaled_twice(tmp_path: Path) -> None:
    three(tmp_path)
    with pytest.raises(ConfigError, match="exists already"):
        three(tmp_path)


def test_a_journal_that_goes_on_while_it_is_verified_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody deploys between the looks at its records and at its head."""
    journal = Journal.create(tmp_path, "one")
    journal.append("two")
    whole = Path.read_bytes

    def read_and_go_on(path: Path) -> bytes:
        data = whole(path)
        journal.append("on")
        return data

    monkeypatch.setattr(Path, "read_bytes", read_and_go_on)
    assert Archive(tmp_path).verify() == []
