"""The items that look at the engine itself, asked of the practice engine: a good release passes, a bad one does not."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.channels.postgres import answer
from deploy.checklists import checklist
from deploy.probes.sql import Query
from deploy.question import Output, Question, Shell
from deploy.result import Status, Verdict, unknown
from deploy.sandbox.extraction_engine.history import make_repository
from deploy.sandbox.extraction_engine.servers import make_server
from deploy.scope import Scope
from deploy.secret import Secret
from tests.conftest import LivePostgres
from tests.sandbox.extraction_engine.practice import Engine, Releases

FOLDER = Path(__file__).parents[2] / "deploy" / "systems" / "extraction_engine"
LIST = checklist.load(FOLDER / "checklist.md")
REHEARSED = ("dry-run", "dry-run-speed", "retry", "dashboard-works")
FILES = ("client-generated", "schemas-agree", "source-keys", "rate-limits", "field-masks", "taxonomy", "alerts-defined")
LOADED = ("engine-connects", "dashboard-accurate", "healthy", "no-slowdown")

Make = Callable[..., Engine]
pytestmark = pytest.mark.live
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    repository = tmp_path_factory.mktemp("history") / "engine.git"
    make_repository(repository)
    with make_server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Releases(tmp_path_factory.mktemp("releases"), repository, server.server_port)
        server.shutdown()


@pytest.fixture(scope="module")
def make(postgres: LivePostgres, releases: Releases) -> Make:
    """A release with a migrated database of its own, called like a scratch one."""

    def make(ref: str = "v1", kind: str = "scratch") -> Engine:
        engine = releases.engine(ref, postgres.create(f"judged_{kind}_{next(NUMBERS)}"))
        engine.migrate()
        return engine

    return make


def judge(item: str, engine: Engine, postgres: LivePostgres, tmp_path: Path) -> Verdict:
    """What an item says of an engine, asked as a shell would."""
    probe = LIST.by_id[item].probe
    assert probe
    folder = str(engine.folder)
    names = {
        "release": folder,
        "current": folder,
        "control": str(tmp_path),
        "mirror": str(tmp_path / "mirror.git"),
        "commit": subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True).strip(),
        "jobs_below": folder,
        "python": sys.executable,
        "system": str(FOLDER),
        "shared": str(tmp_path),
    }
    asked = probe.ask(Scope(names))
    answers = [run(one, engine, postgres) for one in (asked if isinstance(asked, tuple) else (asked,))]
    silent = [found for found in answers if isinstance(found, Verdict)]
    return silent[0] if silent else probe.judge(*answers)


def run(question: Question, engine: Engine, postgres: LivePostgres) -> Output | Verdict:
    """The answer, or the verdict that there is none."""
    assert isinstance(question, Shell)
    path = f"{postgres.bin}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", question.script],
        env={**engine.environment, "DATABASE_URL": engine.url, "PATH": path},
        capture_output=True,
        text=True,
        timeout=question.timeout,
        process_group=0,
    )
    if done.returncode not in question.exits:
        return unknown("an answer", f"exit {done.returncode}", done.stdout + done.stderr)
    return Output(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def fresh(make: Make) -> Engine:
    """The first release on an empty database."""
    return make()


@pytest.fixture(scope="module")
def loaded(make: Make, tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, Path]:
    """The first release after its first load, and the folder with its logs."""
    shared = tmp_path_factory.mktemp("shared")
    engine = make()
    engine = replace(engine, environment={**engine.environment, "ENGINE_LOG": str(shared / "logs" / "extraction.log")})
    engine.load("load-1")
    return engine, shared


@pytest.mark.parametrize("item", [*REHEARSED, *FILES])
def test_the_first_release_holds_on_an_empty_database(
    item: str, fresh: Engine, postgres: LivePostgres, tmp_path: Path
) -> None:
    verdict = judge(item, fresh, postgres, tmp_path)
    assert verdict.status is Status.PASS, verdict
    kept = ("RawIngestion", "ExtractedListing", "FailedExtraction")
    assert [fresh.contents()[table][0] for table in kept] == [0, 0, 0]


@pytest.mark.parametrize("item", [*REHEARSED, *LOADED])
def test_a_loaded_engine_holds(item: str, loaded: tuple[Engine, Path], postgres: LivePostgres) -> None:
    engine, shared = loaded
    log = (shared / "logs" / "extraction.log").read_text(encoding="utf-8")
    verdict = judge(item, engine, postgres, shared)
    assert verdict.status is Status.PASS, verdict
    assert (shared / "logs" / "extraction.log").read_text(encoding="utf-8") == log


def test_every_query_about_a_good_load_passes(loaded: tuple[Engine, Path]) -> None:
    """But for trends, which need what was before, and for the server's superuser, whom tests use."""
    assert verdicts(loaded[0], "load-1") == {
        "cache-hit-rate": Status.UNKNOWN,
        "cache-trend": Status.UNKNOWN,
        "cost-trend": Status.UNKNOWN,
        "database-user": Status.FAIL,
        "failure-trend": Status.UNKNOWN,
    }


@pytest.mark.parametrize(
    ("branch", "failing"), [("broken/quality-success", "llm-success"), ("broken/quality-nulls", "null-rates")]
)
def test_a_release_of_bad_quality_fails(branch: str, failing: str, make: Make) -> None:
    engine = make(branch)
    engine.load("load-2")
    assert verdicts(engine, "load-2")[failing] is Status.FAIL


def verdicts(engine: Engine, load: str) -> dict[str, Status]:
    """Every item with a query that does not pass."""
    names = {"system": str(FOLDER)}
    scope = Scope(names, datetime.now(UTC) - timedelta(hours=1), params={"load_id": load, "usd_to_gbp": "0.80"})
    items = [item for item in LIST.items if isinstance(item.probe, Query) and item.id != "slow-statements"]
    found = answer([item.probe.ask(scope) for item in items], Secret(engine.url))
    judged = {item.id: item.probe.judge(rows) for item, rows in zip(items, found, strict=True)}
    return {name: verdict.status for name, verdict in judged.items() if verdict.status is not Status.PASS}


@pytest.mark.parametrize("item", ["dry-run", "retry"])
def test_what_writes_refuses_a_database_that_is_not_scratch(
    item: str, make: Make, postgres: LivePostgres, tmp_path: Path
) -> None:
    engine = make(kind="production")
    before = engine.contents()
    verdict = judge(item, engine, postgres, tmp_path)
    assert verdict.status is Status.UNKNOWN
    assert "is no scratch database" in verdict.evidence
    assert engine.contents() == before


def test_a_dry_run_that_writes_is_caught(make: Make, postgres: LivePostgres, tmp_path: Path) -> None:
    engine = copied(make(), tmp_path)
    run = engine.folder / "engine/extraction/run.py"
    run.rename(run.with_name("real_run.py"))
    write = (
        "psycopg.connect(os.environ['DATABASE_URL'], autocommit=True).execute('update \"RawIngestion\" set hash = 1')"
    )
    run.write_text(f"import os, psycopg, sys\n{write}\nfrom engine.extraction.real_run import main\nsys.exit(main())\n")
    verdict = judge("dry-run", engine, postgres, tmp_path)
    assert (verdict.status, verdict.found) == (Status.FAIL, "does not hold")
    assert "tables changed: RawIngestion" in verdict.evidence


def copied(engine: Engine, tmp_path: Path) -> Engine:
    """The same engine in a folder and an environment of its own, to be spoiled."""
    folder = tmp_path / "spoiled"
    shutil.copytree(engine.folder, folder, symlinks=True)
    return replace(engine, folder=folder, environment=dict(engine.environment))


def test_a_client_of_another_schema_is_caught(make: Make, postgres: LivePostgres, tmp_path: Path) -> None:
    engine = copied(make(), tmp_path)
    schema = engine.folder / "engine/schema.prisma"
    schema.write_text(schema.read_text(encoding="utf-8").replace("  phone ", "  mobile "), encoding="utf-8")
    found = {item: judge(item, engine, postgres, tmp_path) for item in ("client-generated", "schemas-agree")}
    assert {verdict.status for verdict in found.values()} == {Status.FAIL}
    assert "Listing: mobile, phone" in found["client-generated"].evidence


def test_a_placeholder_instead_of_a_key_is_caught_and_not_shown(
    make: Make, postgres: LivePostgres, tmp_path: Path
) -> None:
    engine = copied(make(), tmp_path)
    engine.environment["SERPER_API_KEY"] = "YOUR_SERPER_KEY_HERE"
    verdict = judge("source-keys", engine, postgres, tmp_path)
    assert verdict.status is Status.FAIL
    assert "serper: no real key" in verdict.evidence
    assert "YOUR_SERPER" not in verdict.evidence


def test_bad_health_is_caught(make: Make, postgres: LivePostgres, tmp_path: Path) -> None:
    engine = make("broken/health-bad")
    engine.load("load-1")
    for item in ("dashboard-works", "healthy"):
        verdict = judge(item, engine, postgres, tmp_path)
        assert (verdict.status, verdict.found) == (Status.FAIL, "CRITICAL")


@pytest.mark.parametrize(
    ("branch", "item"), [("broken/tests-fail", "tests"), ("broken/secret-committed", "keys-not-committed")]
)
def test_a_broken_release_is_caught_before_it_runs(
    branch: str, item: str, make: Make, releases: Releases, postgres: LivePostgres, tmp_path: Path
) -> None:
    (tmp_path / "mirror.git").symlink_to(releases.repository)
    for ref, wanted in ((branch, Status.FAIL), ("main", Status.PASS)):
        assert judge(item, make(ref), postgres, tmp_path).status is wanted


@pytest.mark.parametrize(("words", "median"), [((), "1.0000"), (("1",), "5.0000"), (("2",), "3.0000")])
def test_durations_are_of_the_newest_hours_of_work(words: tuple[str, ...], median: str, tmp_path: Path) -> None:
    log = tmp_path / "extraction.log"
    took = [("22T08", 1.0), ("22T08", 1.0), ("22T08", 1.0), ("22T17", 1.0), ("23T09", 5.0), ("23T10", None)]
    told = [json.dumps({"timestamp": f"2026-11-{at}:00:00Z", "duration_seconds": seconds}) for at, seconds in took]
    log.write_text("\n".join(["torn", *told, ""]))
    argv = [sys.executable, str(FOLDER / "scripts/durations.py"), str(log), *words]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"median of all: {median}")


def test_a_job_of_this_release_is_found_and_no_other(fresh: Engine, postgres: LivePostgres, tmp_path: Path) -> None:
    assert judge("jobs-stopped", fresh, postgres, tmp_path).status is Status.PASS
    for below, wanted in ((str(tmp_path), Status.PASS), (str(fresh.folder), Status.FAIL)):
        python = f"{below}/.venv/bin/python"
        waiting = [python, "-c", "read line", "-m", "engine.extraction.run_all"]
        with subprocess.Popen(waiting, executable="/bin/sh", stdin=subprocess.PIPE, process_group=0) as job:
            found = judge("jobs-stopped", fresh, postgres, tmp_path)
            job.kill()
        assert found.status is wanted, found


def test_without_a_database_nothing_passes(make: Make, postgres: LivePostgres, tmp_path: Path) -> None:
    engine = make()
    engine.url = engine.url.rpartition("/")[0] + "/no_such_scratch_database"
    for item in (*REHEARSED, "dashboard-accurate", "engine-connects", "no-slowdown"):
        assert judge(item, engine, postgres, tmp_path).status is Status.UNKNOWN, item
