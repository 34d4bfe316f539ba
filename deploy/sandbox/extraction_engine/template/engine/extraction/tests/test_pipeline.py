import json
from pathlib import Path
from typing import Any

import pytest

from engine.extraction import cli, health, llm, logs, merge, run, run_all
from engine.extraction.pipeline import Pipeline, Report
from engine.extraction.tests.conftest import MemoryStore, RecordedModel, put

LEITH = {"name": "Leith Padel Club"}
HARD = {"name": "Hard Padel Club", "hard": True}


def pipeline(store: MemoryStore, model: RecordedModel, **options: Any) -> Pipeline:
    return Pipeline(store, llm.Reader(post=model), **options)  # the in-memory double answers as Store does


def test_an_equal_item_is_not_paid_for_twice(memory: MemoryStore, model: RecordedModel, tmp_path: Path) -> None:
    report = pipeline(memory, model).run(put(memory, tmp_path, "serper", LEITH, LEITH))
    assert (len(model.requests), report.cache_hits, report.input_tokens) == (1, 1, 400)
    assert [found.attributes["llm_usage"]["input_tokens"] for found in memory.outcomes.values()] == [400, 0]


def test_an_item_taken_again_keeps_what_it_cost(memory: MemoryStore, model: RecordedModel, tmp_path: Path) -> None:
    raws = put(memory, tmp_path, "serper", LEITH)
    pipeline(memory, model).run(raws)
    before = dict(memory.outcomes)
    pipeline(memory, model).run(raws, again=True)
    assert memory.outcomes == before
    assert len(model.requests) == 1


def test_a_failure_is_quarantined_and_leaves_with_success(
    memory: MemoryStore, model: RecordedModel, tmp_path: Path
) -> None:
    raws = put(memory, tmp_path, "serper", HARD)
    assert pipeline(memory, model).run(raws).exit_code == 1
    assert list(memory.quarantined) == ["raw0"]
    assert pipeline(memory, model).run(raws, again=True).exit_code == 0
    assert not memory.quarantined


def test_a_dry_run_stores_nothing(memory: MemoryStore, model: RecordedModel, tmp_path: Path) -> None:
    report = pipeline(memory, model, dry_run=True).run(put(memory, tmp_path, "serper", LEITH, HARD))
    assert (report.succeeded, len(report.failed)) == (1, 1)
    assert not memory.outcomes
    assert not memory.quarantined


@pytest.mark.parametrize(
    ("content", "why"), [(None, "cannot be read"), ("{", "is not JSON"), ("[]", "does not hold one item")]
)
def test_a_raw_file_that_cannot_be_used(content: str | None, why: str, memory: MemoryStore, tmp_path: Path) -> None:
    [raw] = put(memory, tmp_path, "google_places", {})
    Path(raw.file_path).unlink() if content is None else Path(raw.file_path).write_text(content)
    Pipeline(memory).run([raw])
    assert why in memory.quarantined[raw.id]["error_message"]


def test_a_source_without_an_extractor(memory: MemoryStore, tmp_path: Path) -> None:
    Pipeline(memory).run(put(memory, tmp_path, "yellow_pages", {}))
    assert "no extractor" in memory.quarantined["raw0"]["error_message"]


def test_nothing_to_do_is_no_failure() -> None:
    assert Report().exit_code == 0
    assert "Success rate: 100.0%" in Report().lines()


@pytest.fixture
def wired(memory: MemoryStore, model: RecordedModel, monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The command lines over the store in memory and the recorded model."""

    class Connection:
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    for module in (run, run_all, cli, health, merge):
        monkeypatch.setattr(module, "Store", lambda _: memory)
    monkeypatch.setattr("engine.db.connect", lambda **_: Connection())
    monkeypatch.setattr(llm, "messages_api", lambda: model)
    monkeypatch.setattr(llm.Reader, "__init__", lambda self: self.__dict__.update(post=model, model="m"))
    return memory


def test_run_takes_one_source(wired: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(wired, tmp_path, "serper", LEITH)
    put(wired, tmp_path, "google_places", {"displayName": {"text": "Leith"}})
    assert run.main(["--source", "google_places", "--limit", "10", "--quiet"]) == 0
    assert list(wired.outcomes) == ["raw1"]
    assert "Failed: 0" in capsys.readouterr().out


def test_run_takes_one_item(wired: MemoryStore, tmp_path: Path) -> None:
    put(wired, tmp_path, "openstreetmap", LEITH, HARD)
    assert run.main(["--raw-id", "raw0"]) == 0
    assert run.main(["--raw-id", "nobody"]) == 1


def test_run_knows_the_other_name_of_openstreetmap(wired: MemoryStore, tmp_path: Path) -> None:
    put(wired, tmp_path, "openstreetmap", LEITH)
    assert run.main(["--source", "osm", "--dry-run"]) == 0


@pytest.mark.parametrize("arguments", [[], ["--source", "nobody"], ["--retry-failed"], ["--limit", "x"]])
def test_run_refuses_other_arguments(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run.main(arguments)


def test_run_all_asks_again_and_merges(wired: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(wired, tmp_path, "serper", LEITH, HARD)
    assert run_all.main(["--limit", "10"]) == 0
    assert not wired.quarantined
    assert len(wired.tables["Listing"]) == 2
    assert "Success rate: 100.0%" in capsys.readouterr().out
    assert run_all.main(["--limit", "10"]) == 0


def test_run_all_dry(wired: MemoryStore, tmp_path: Path) -> None:
    put(wired, tmp_path, "serper", LEITH)
    assert run_all.main(["--dry-run"]) == 0
    assert not wired.tables


def test_retry(wired: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(wired, tmp_path, "serper", HARD)
    assert run.main(["--source", "serper"]) == 1
    assert cli.main(["--retry-failed", "--limit", "5"]) == 0
    assert "Retried: 1\nSucceeded: 1\nFailed: 0" in capsys.readouterr().out
    assert cli.main([]) == 1


def test_a_retry_that_fails_again(wired: MemoryStore, tmp_path: Path) -> None:
    put(wired, tmp_path, "google_places", {})
    run.main(["--source", "google_places"])
    assert cli.main(["--retry-failed"]) == 1
    assert wired.quarantined["raw0"]["retry_count"] == 1


def test_health_and_merge(wired: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(wired, tmp_path, "serper", LEITH)
    run_all.main([])
    assert merge.main() == 0
    assert "0 rows written" in capsys.readouterr().out
    assert health.main(["--no-color"]) == 0
    assert "Overall Status: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "main", [lambda: run_all.main([]), lambda: cli.main(["--retry-failed"]), lambda: health.main([])]
)
def test_no_database_is_an_error(main: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main() == 1


def test_log_lines_are_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGINE_LOG", str(tmp_path / "logs" / "extraction.log"))
    logs.start()
    logs.event("INFO", "extracted", source="serper", error=None)
    line = json.loads(capsys.readouterr().out)
    assert line == json.loads((tmp_path / "logs" / "extraction.log").read_text())
    assert (line["level"], line["logger"], line["source"]) == ("INFO", "extraction", "serper")
    assert "error" not in line
