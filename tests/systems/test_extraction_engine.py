"""The extraction engine's system: nothing of the owners' list is missing, and each query judges rightly."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from deploy import config
from deploy.channels.postgres import answer, execute
from deploy.checklists import checklist
from deploy.command import Statement
from deploy.probes import known_probes
from deploy.probes.sql import Query, statement
from deploy.question import Rows, Sql
from deploy.result import Severity, Status, Verdict
from deploy.scope import NAME, Scope
from deploy.secret import Secret
from tests.conftest import LivePostgres

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "deploy" / "systems" / "extraction_engine"
TEMPLATE = PROJECT / "deploy" / "sandbox" / "extraction_engine" / "template"
LIST = checklist.load(FOLDER / "checklist.md")
SYSTEM = config.load_system(FOLDER)
OWNERS = [
    *(f"E{number:02}" for number in range(1, 79)),
    *(f"A{number:02}" for number in range(1, 10)),
    *(f"R{number:02}" for number in range(1, 6)),
    *(f"O{number:02}" for number in range(1, 5)),
    *(f"D{number:02}" for number in range(1, 4)),
]
OURS_ALONE = {"tools", "clock", "room-database", "room-backups"}
GIVEN = {"root", "releases", "shared", "current", "release", "backups", "control", "mirror", "venv", "python", "system"}
GIVEN |= {"repository", "ref", "commit", "deployment", "migrations"}


def mapping() -> dict[str, list[str]]:
    """Owners' id to our ids, as the table in items.md says."""
    lines = (FOLDER / "items.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|") for line in lines if re.match(r"\| [EAROD]\d\d \|", line)]
    assert len(rows) == len({row[1] for row in rows})
    return {row[1].strip(): re.findall(r"`([a-z0-9-]+)`", row[3]) for row in rows}


def test_the_owners_items_are_99() -> None:
    assert len(OWNERS) == 99


def test_every_owners_item_is_a_source_and_in_the_table() -> None:
    asked = {source for item in LIST.items for source in item.sources}
    assert asked == set(OWNERS)
    assert list(mapping()) == OWNERS


def test_table_and_checklist_say_the_same() -> None:
    by_source = {owner: [item.id for item in LIST.items if owner in item.sources] for owner in OWNERS}
    assert {owner: sorted(ids) for owner, ids in mapping().items()} == {o: sorted(ids) for o, ids in by_source.items()}
    assert {item.id for item in LIST.items if not item.sources} == OURS_ALONE


def test_every_disagreement_is_explained() -> None:
    text = (FOLDER / "items.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| (X\d\d) \|", text, re.MULTILINE)
    assert explained == [f"X{number:02}" for number in range(1, 31)]


def test_every_phase_of_the_flow_has_items_and_no_other() -> None:
    assert {item.phase for item in LIST.items} == {*SYSTEM.phases, "rollback"}


def test_severities_are_the_owners() -> None:
    block = "E01-E07 E09-E12 E14-E17 E19 E21 E36 E37 E39-E41 E43 E46-E51 E53-E55 E60-E63 A01-A03 R01-R04 D03"
    info = "E20 E23 E25 E31 E32 E59 E67 E68 E71-E78 A08 A09 R05 O01-O04 D01"
    for wanted, owners in ((Severity.CRITICAL, block), (Severity.INFO, info)):
        for owner in spread(owners):
            assert {item.severity for item in LIST.items if owner in item.sources} == {wanted}, owner
    rest = set(OWNERS) - set(spread(block)) - set(spread(info))
    assert {item.severity for item in LIST.items if rest & set(item.sources)} == {Severity.WARNING}


def spread(text: str) -> Iterator[str]:
    for word in text.split():
        first, _, last = word.partition("-")
        yield from (f"{first[0]}{n:02}" for n in range(int(first[1:]), int((last or first)[1:]) + 1))


@pytest.mark.parametrize("due", ["1h", "24h", "7d"])
def test_what_comes_later_is_due(due: str) -> None:
    wanted = {"1h": "E60-E65", "24h": "E66-E72", "7d": "E73-E78"}[due]
    for owner in spread(wanted):
        assert {item.due for item in LIST.items if owner in item.sources} == {due}, owner


def test_prerequisites_need_neither_this_release_nor_the_current_one() -> None:
    for item in LIST.items:
        if item.probe and item.phase in ("prereqs", "backup"):
            assert not {"release", "current", "python", "venv"} & names_of(item.probe.model_dump_json()), item.id


def names_of(text: str) -> set[str]:
    return set(NAME.findall(text))


def test_names_are_given_in_every_environment() -> None:
    document = config._read(FOLDER).data["environments"]
    for environment in document.values():
        known = GIVEN | set(environment["parameters"])
        for item in LIST.items:
            if item.probe:
                assert names_of(item.probe.model_dump_json()) <= known, item.id


def test_every_item_that_can_fail_says_what_to_do() -> None:
    assert [i.id for i in LIST.items if i.probe and i.severity is not Severity.INFO and not i.action] == []


def test_only_schedules_and_rotation_are_left_out_in_the_sandbox() -> None:
    assert {i.id for i in LIST.items if i.only} == {"health-scheduled", "jobs-scheduled", "log-rotation"}


def test_a_missing_signature_alone_never_takes_a_deployment_back() -> None:
    late = [i for i in LIST.items if i.signoff and i.severity is Severity.CRITICAL and not i.due]
    assert {i.id for i in late} == {"migrations-reviewed", "sqlite-moved"}


def test_queries_and_scripts_exist_and_none_is_left_over() -> None:
    text = (FOLDER / "checklist.md").read_text("utf-8") + (FOLDER / "system.yaml").read_text("utf-8")
    text += "".join(file.read_text("utf-8") for file in (FOLDER / "sql").iterdir())  # they include others
    assert set(re.findall(r"\b(\w+\.sql)\b", text)) - {"migration.sql"} == {f.name for f in (FOLDER / "sql").iterdir()}
    assert set(re.findall(r"scripts/(\w+\.py)", text)) == {f.name for f in (FOLDER / "scripts").glob("*.py")}


def test_every_probe_is_known() -> None:
    assert {type(item.probe).name for item in LIST.items if item.probe} <= set(known_probes())


# --- environments --------------------------------------------------------------------------------------------------


def example() -> dict[str, str]:
    """Every variable of .env.example, commented out or not, with a value."""
    text = (PROJECT / ".env.example").read_text(encoding="utf-8")
    found = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE)
    return {name: value or f"value-of-{name.lower()}" for name, value in found}


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_the_example_names_every_variable(name: str, tmp_path: Path) -> None:
    environment = config.load_environment(SYSTEM, name, tmp_path, example())
    assert environment.signoffs == "hold"
    assert environment.hours is not None
    assert environment.databases["app"].admin_url


@pytest.mark.parametrize("name", ["STAGING", "PROD"])
def test_the_example_names_no_other_variable(name: str) -> None:
    text = (FOLDER / "system.yaml").read_text(encoding="utf-8")
    wanted = set(re.findall(rf"\$\{{({name}_\w+)", text))
    assert {variable for variable in example() if variable.startswith(f"{name}_")} == wanted


def test_the_sandbox_shows_signoffs_and_needs_no_prod_settings(tmp_path: Path) -> None:
    text = (FOLDER / "system.yaml").read_text(encoding="utf-8")
    variables = dict.fromkeys(re.findall(r"\$\{(SANDBOX_\w+)", text), "x" * 8)
    environment = config.load_environment(SYSTEM, "local", tmp_path, variables)
    assert environment.sandbox
    assert environment.signoffs == "show"


# --- queries against a real database -------------------------------------------------------------------------------

SINCE = datetime(2026, 11, 23, 12, tzinfo=UTC)
BEFORE, AFTER = SINCE - timedelta(days=3), SINCE + timedelta(minutes=1)
PLACE = {
    "entity_name": "Leith Padel",
    "latitude": 55.9,
    "longitude": -3.1,
    "street_address": "1 Shore",
    "city": "Edinburgh",
    "postcode": "EH6 6QN",
}
USED = {"llm_usage": {"input_tokens": 1000, "output_tokens": 500}}
MODEL = "claude-haiku-4-5"


NUMBERS = itertools.count()


class Engine:
    """A database with the engine's tables, and short ways to put rows into it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = psycopg.connect(url, autocommit=True)
        self.connection.execute("set timezone to 'UTC'")
        for migration in sorted((TEMPLATE / "web/prisma/migrations").glob("*/migration.sql")):
            self.connection.execute(migration.read_bytes())
        self.rows = 0

    def raw(self, source: str, at: datetime = AFTER, load: str | None = None) -> str:
        self.rows += 1
        metadata = json.dumps({"query": "padel", "load_id": load}) if load else None
        self.connection.execute(
            'insert into "RawIngestion" (id, source, source_url, file_path, status, ingested_at, hash, metadata_json)'
            " values (%s, %s, '', '', 'success', %s, 'h', %s)",
            (f"r{self.rows}", source, at.replace(tzinfo=None), metadata),
        )
        return f"r{self.rows}"

    def extracted(
        self, source: str, at: datetime = AFTER, facts: dict[str, object] | None = None, **columns: str | None
    ) -> str:
        """A raw record and its extraction; `load`, `model` and `hash` as wanted."""
        raw = self.raw(source, at, columns.get("load"))
        self.again(raw, source, at, facts, **columns)
        return raw

    def again(
        self, raw: str, source: str, at: datetime = AFTER, facts: dict[str, object] | None = None, **columns: str | None
    ) -> None:
        """One more extraction of a raw record."""
        self.rows += 1
        when = at.replace(tzinfo=None)
        attributes = json.dumps(PLACE if facts is None else facts)
        values = (f"x{self.rows}", raw, source, attributes, columns.get("hash"), columns.get("model"), when, when)
        self.connection.execute(
            'insert into "ExtractedListing" (id, raw_ingestion_id, source, entity_type, attributes, extraction_hash,'
            ' model_used, "createdAt", "updatedAt") values (%s, %s, %s, \'VENUE\', %s, %s, %s, %s, %s)',
            values,
        )

    def failed(self, source: str, at: datetime = AFTER, message: str = "no name") -> str:
        raw, when = self.raw(source, at), at.replace(tzinfo=None)
        self.connection.execute(
            'insert into "FailedExtraction" (id, raw_ingestion_id, source, error_message, last_attempt_at, "updatedAt")'
            " values (%s, %s, %s, %s, %s, %s)",
            (raw, raw, source, message, when, when),
        )
        return raw

    def listing(self, name: str = "Leith Padel", at: datetime = AFTER, info: str | None = '["serper"]') -> None:
        self.rows += 1
        when = at.replace(tzinfo=None)
        self.connection.execute(
            'insert into "Listing" (id, entity_name, slug, "entityType", source_info, "createdAt", "updatedAt")'
            " values (%s, %s, %s, 'VENUE', %s, %s, %s)",
            (f"l{self.rows}", name, f"s{self.rows}", info, when, when),
        )

    def conflict(self, severity: float, resolved: bool = False) -> None:
        self.rows += 1
        self.connection.execute(
            'insert into "MergeConflict" (id, field_name, conflicting_values, winner_source, winner_value,'
            " trust_difference, severity, resolved, \"updatedAt\") values (%s, 'city', '[]', 'a', 'b', 1, %s, %s,"
            " now())",
            (f"c{self.rows}", severity, resolved),
        )

    def judge(self, item: str, *before: float) -> Verdict:
        """What the item of the checklist says of this database; `before` is the baseline it is compared with."""
        probe = LIST.by_id[item].probe
        assert isinstance(probe, Query)
        asked = probe.model_copy(update={"against": before}) if before else probe
        (found,) = answer([probe.ask(self.scope)], Secret(self.url))
        assert isinstance(found, Rows), found
        return asked.judge(found)  # type: ignore[no-any-return]  # a probe's judgement is a Verdict

    @property
    def scope(self) -> Scope:
        return Scope({"system": str(FOLDER)}, SINCE, params={"load_id": "load-1", "usd_to_gbp": "0.80"})

    def value(self, sql: str) -> object:
        (found,) = answer([Sql("app", (statement(sql, self.scope),), self.scope.sql_params)], Secret(self.url))
        assert isinstance(found, Rows), found
        return found.sets[0][0][0]


@pytest.fixture
def engine(postgres: LivePostgres) -> Iterator[Engine]:
    engine = Engine(postgres.create(f"engine_{next(NUMBERS)}"))
    yield engine
    engine.connection.close()


PARTS = {"slow_statements.sql", "costs.sql"}  # needs an extension; is included by others
QUERIES = sorted(path.name for path in (FOLDER / "sql").glob("*.sql") if path.name not in PARTS)


@pytest.mark.live
def test_every_query_runs_on_empty_tables(engine: Engine) -> None:
    for name in QUERIES:
        if name == "undo_load.sql":
            execute(Statement("app", statement(name, engine.scope), {"load_id": "load-1"}), Secret(engine.url))
            continue
        (found,) = answer([Sql("app", (statement(name, engine.scope),), engine.scope.sql_params)], Secret(engine.url))
        assert isinstance(found, Rows), (name, found)


@pytest.mark.live
def test_nothing_about_data_passes_on_empty_tables(engine: Engine) -> None:
    """But for what counts things that should not be there, and cost that did not arise."""
    queries = [item.id for item in LIST.items if isinstance(item.probe, Query) and item.id != "slow-statements"]
    passing = {name for name in queries if engine.judge(name).status is Status.PASS}
    assert passing == {"cost-today", "failed-count", "merge-conflicts", "backlog", "data-consistent"}


@pytest.mark.live
def test_success_counts_raw_records_once(engine: Engine) -> None:
    for source in ("serper", "openstreetmap"):
        records = [engine.extracted(source) for _ in range(18)]
        engine.again(records[0], source)
        for _ in range(3):
            engine.failed(source)
    verdict = engine.judge("llm-success")
    assert verdict.status is Status.PASS
    assert "0.857143" in verdict.evidence
    engine.failed("serper")
    assert engine.judge("llm-success").status is Status.FAIL


@pytest.mark.live
def test_success_of_one_source_does_not_hide_the_other(engine: Engine) -> None:
    for _ in range(50):
        engine.extracted("serper")
    for _ in range(20):
        engine.failed("openstreetmap")
    verdict = engine.judge("llm-success")
    assert verdict.status is Status.FAIL
    assert verdict.found == "openstreetmap 0: fail"


@pytest.mark.live
def test_success_is_of_what_is_new_and_of_the_latest_twenty(engine: Engine) -> None:
    for _ in range(100):
        engine.failed("serper", BEFORE)
    for _ in range(20):
        engine.extracted("serper", BEFORE + timedelta(hours=1))
        engine.extracted("openstreetmap", BEFORE)
    assert engine.judge("llm-success").status is Status.PASS
    for _ in range(3):
        engine.failed("serper")
    verdict = engine.judge("llm-success")
    assert verdict.status is Status.FAIL
    assert re.search(r"^serper +0.85 +20 +3 +fail$", verdict.evidence, re.MULTILINE)


@pytest.mark.live
def test_too_few_records_are_no_verdict(engine: Engine) -> None:
    for _ in range(9):
        for source in ("serper", "openstreetmap", "google_places"):
            engine.extracted(source)
    assert engine.judge("llm-success").status is Status.UNKNOWN
    assert engine.judge("deterministic-success").status is Status.UNKNOWN


@pytest.mark.live
def test_one_failure_of_a_deterministic_source_is_too_many(engine: Engine) -> None:
    for _ in range(99):
        engine.extracted("google_places")
    assert engine.judge("deterministic-success").status is Status.PASS
    engine.failed("google_places")
    assert engine.judge("deterministic-success").status is Status.FAIL


@pytest.mark.live
@pytest.mark.parametrize("missing", [{}, {"city": None}, {"city": ""}])
def test_a_field_is_missing_without_key_with_null_and_empty(engine: Engine, missing: dict[str, object]) -> None:
    without = {key: value for key, value in PLACE.items() if key != "city"} | missing
    for number in range(22):
        engine.extracted("serper", facts=PLACE if number % 2 else without)
    verdict = engine.judge("null-rates")
    assert (verdict.status, verdict.found) == (Status.FAIL, "city 0.5: fail")
    assert engine.judge("null-rates-alert").status is Status.PASS
    engine.extracted("serper")
    assert engine.judge("null-rates").status is Status.PASS


@pytest.mark.live
def test_failure_rate_forgets_what_was_extracted_later(engine: Engine) -> None:
    for _ in range(18):
        engine.extracted("google_places")
    engine.again(engine.failed("serper"), "serper")
    engine.failed("serper")
    assert engine.judge("failure-rate").status is Status.PASS
    for _ in range(2):
        engine.failed("serper")
    assert engine.judge("failure-rate").status is Status.FAIL
    for _ in range(10):
        engine.extracted("google_places", AFTER + timedelta(days=2))
    assert engine.judge("failure-rate").status is Status.PASS


@pytest.mark.live
def test_cost_is_tokens_times_price_times_rate(engine: Engine) -> None:
    engine.extracted("serper", facts={**PLACE, **USED}, model=MODEL)
    assert float(str(engine.value("cost_per_100.sql"))) == pytest.approx(100 * (1000 * 1 + 500 * 5) / 1e6 * 0.80)
    assert engine.judge("llm-cost").status is Status.PASS


@pytest.mark.live
@pytest.mark.parametrize(
    ("facts", "model"), [(PLACE, MODEL), ({**PLACE, **USED}, "some-new-model"), ({**PLACE, **USED}, None)]
)
def test_cost_is_unknown_without_tokens_or_price(engine: Engine, facts: dict[str, object], model: str | None) -> None:
    now = datetime.now(UTC)
    engine.extracted("serper", now, facts={**PLACE, **USED}, model=MODEL)
    engine.extracted("serper", now, facts=facts, model=model)
    assert engine.judge("llm-cost").status is Status.UNKNOWN
    assert engine.judge("cost-today").status is Status.UNKNOWN


@pytest.mark.live
def test_cost_of_today_is_bounded(engine: Engine) -> None:
    usage = {"llm_usage": {"input_tokens": 10_000_000, "output_tokens": 10_000_000}}
    engine.extracted("serper", datetime.now(UTC), facts={**PLACE, **usage}, model=MODEL)
    assert engine.judge("cost-today").status is Status.PASS
    engine.extracted("serper", datetime.now(UTC), facts={**PLACE, **usage}, model=MODEL)
    assert engine.judge("cost-today").status is Status.FAIL
    assert engine.judge("llm-cost").status is Status.FAIL
    assert engine.judge("weekly-cost").status is Status.PASS


@pytest.mark.live
def test_a_cache_that_never_answers_twice_is_unknown(engine: Engine) -> None:
    for number in range(24):
        engine.extracted("serper", hash=f"{number}", model=MODEL)
    assert engine.judge("cache-hit-rate").status is Status.UNKNOWN
    engine.extracted("serper", hash="1", model=MODEL)
    assert engine.judge("cache-hit-rate").status is Status.FAIL
    for number in range(10):
        engine.extracted("serper", hash=f"{number}", model=MODEL)
    assert engine.judge("cache-hit-rate").status is Status.PASS


@pytest.mark.live
def test_the_cache_is_compared_with_the_day_before(engine: Engine) -> None:
    for number in range(4):
        engine.extracted("serper", BEFORE, hash=f"{number}", model=MODEL)
    assert engine.judge("cache-trend").status is Status.UNKNOWN
    for number in range(4):
        engine.extracted("serper", hash=f"{number}", model=MODEL)
    assert engine.judge("cache-trend").status is Status.PASS


@pytest.mark.live
def test_failures_are_compared_with_those_before_the_deployment(engine: Engine) -> None:
    for _ in range(30):
        engine.failed("serper", BEFORE)
        engine.extracted("serper")
    for _ in range(10):
        engine.again(engine.failed("openstreetmap"), "openstreetmap")
    assert engine.judge("failure-trend").status is Status.UNKNOWN
    assert engine.judge("failure-trend", 1, 100).found == "0.0% of 40, 1.0% of 100 before; -1.0 points"
    for _ in range(10):
        engine.failed("serper")
    assert engine.judge("failure-trend", 1, 100).status is Status.FAIL
    assert engine.judge("failure-trend", 20, 100).status is Status.PASS
    assert engine.judge("failure-trend", 1, 10).status is Status.UNKNOWN


@pytest.mark.live
def test_the_cost_of_a_record_is_compared_with_that_before_the_deployment(engine: Engine) -> None:
    for _ in range(20):
        engine.extracted("serper", facts={**PLACE, **USED}, model=MODEL)
        engine.extracted("google_places")
        engine.extracted("serper", BEFORE, facts=PLACE, model=MODEL)
    each = (1000 * 1 + 500 * 5) / 1e6 * 0.80
    assert engine.judge("cost-trend", *[each] * 20).status is Status.PASS
    assert engine.judge("cost-trend", *[each / 2] * 20).status is Status.FAIL
    assert engine.judge("cost-trend", *[each] * 19).status is Status.UNKNOWN
    engine.extracted("serper", facts=PLACE, model=MODEL)
    assert engine.judge("cost-trend", *[each] * 20).found == "0 of at least 20 samples since the deployment"


@pytest.mark.live
def test_cache_keys_are_asked_of_llm_rows_only(engine: Engine) -> None:
    engine.extracted("google_places")
    assert engine.judge("cache-keys").status is Status.UNKNOWN
    engine.extracted("serper", hash="1", model=MODEL)
    assert engine.judge("cache-keys").status is Status.PASS
    engine.extracted("openstreetmap", model=MODEL)
    assert engine.judge("cache-keys").status is Status.FAIL


@pytest.mark.live
def test_a_load_is_counted_found_incomplete_and_taken_back(engine: Engine) -> None:
    engine.extracted("serper", load="load-0")
    engine.extracted("serper", load="load-1")
    left = engine.raw("serper", load="load-1")
    engine.connection.execute("update \"RawIngestion\" set metadata_json = 'no json' where id = 'r1'")
    assert engine.value("load_count.sql") == 2
    verdict = engine.judge("extraction-complete")
    assert (verdict.status, verdict.found) == (Status.FAIL, "1")
    engine.again(left, "serper")
    assert engine.judge("extraction-complete").status is Status.PASS
    execute(Statement("app", statement("undo_load.sql", engine.scope), {"load_id": "load-1"}), Secret(engine.url))
    assert engine.value("load_count.sql") == 0
    assert engine.value('select count(*) from "RawIngestion"') == 1
    assert engine.value('select count(*) from "ExtractedListing"') == 1


@pytest.mark.live
def test_each_source_must_have_delivered_and_recently(engine: Engine) -> None:
    now = datetime.now(UTC)
    for source in ("serper", "openstreetmap"):
        engine.extracted(source, now - timedelta(hours=2))
    assert engine.judge("ingestion").status is Status.FAIL
    assert engine.judge("extractions").status is Status.FAIL
    assert engine.judge("sources-recent").status is Status.UNKNOWN
    engine.extracted("google_places", now - timedelta(days=8))
    assert engine.judge("ingestion").status is Status.PASS
    assert engine.judge("extractions").status is Status.PASS
    assert engine.judge("sources-recent").status is Status.FAIL
    engine.extracted("google_places", now)
    assert engine.judge("sources-recent").status is Status.PASS


@pytest.mark.live
def test_listings_must_say_where_they_come_from(engine: Engine) -> None:
    for info in (None, "", "{}", "[]", "null"):
        engine.listing(info=info)
    assert engine.judge("listings").status is Status.FAIL
    engine.listing()
    assert engine.judge("listings").status is Status.PASS


@pytest.mark.live
def test_conflicts_count_while_open_and_only_where_something_was_merged(engine: Engine) -> None:
    engine.conflict(0.5)
    assert engine.judge("conflict-severity").status is Status.UNKNOWN
    engine.listing()
    engine.conflict(0.9, resolved=True)
    assert engine.judge("conflict-severity").status is Status.PASS
    assert engine.judge("merge-conflicts").found == "1"
    engine.conflict(0.81)
    assert engine.judge("conflict-severity").status is Status.FAIL


@pytest.mark.live
def test_a_batch_of_failures_is_one_hour_one_source_one_message(engine: Engine) -> None:
    for number in range(101):
        engine.failed("serper", message=f"cause {number % 2}")
    assert engine.judge("failure-batches").status is Status.PASS
    assert engine.judge("failed-count").status is Status.FAIL
    for _ in range(60):
        engine.failed("serper", message="cause 0")
    assert engine.judge("failure-batches").status is Status.FAIL


@pytest.mark.live
def test_the_backlog_is_what_nobody_tried(engine: Engine) -> None:
    engine.extracted("serper")
    engine.failed("serper")
    engine.raw("serper")
    assert engine.judge("backlog").found == "1"
    assert engine.value("progress_serper.sql") == 0


@pytest.mark.live
def test_an_orphan_is_found(engine: Engine) -> None:
    engine.conflict(0.1)
    assert engine.judge("data-consistent").status is Status.PASS
    engine.connection.execute("update \"MergeConflict\" set listing_id = 'nobody'")
    assert engine.judge("data-consistent").status is Status.FAIL


@pytest.mark.live
def test_the_database_user_is_judged_before_there_are_tables(engine: Engine, postgres: LivePostgres) -> None:
    assert engine.judge("database-user").status is Status.FAIL  # the server's superuser
    name, database = f"plain_{engine.connection.info.backend_pid}", engine.connection.info.dbname
    engine.connection.execute(f"create role {name} login password 'p'".encode())
    engine.url = f"postgresql://{name}:p@{postgres.host}:{postgres.port}/{database}"
    assert engine.judge("database-user").status is Status.FAIL
    engine.connection.execute(f"grant create on schema public to {name}".encode())
    assert engine.judge("database-user").status is Status.PASS
