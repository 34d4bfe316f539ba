"""The Tiki pipeline's system: nothing of the owners' list is missing, and checklist and description say the same."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from deploy import config
from deploy.channels.postgres import answer
from deploy.checklists import checklist
from deploy.checklists.item import Item
from deploy.probes import known_probes
from deploy.probes.airflow import Variables
from deploy.probes.airflow_runs import Tasks
from deploy.probes.change import Samples
from deploy.probes.compose import Config
from deploy.probes.docker import Services
from deploy.probes.xcom import Keys, Value
from deploy.question import Rows
from deploy.result import Severity, Status, Verdict
from deploy.scope import NAME, Scope
from deploy.secret import Secret
from tests.conftest import LivePostgres

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "deploy" / "systems" / "tiki_pipeline"
LIST = checklist.load(FOLDER / "checklist.md")
SYSTEM = config.load_system(FOLDER)
OWNERS = [f"T{number:03}" for number in range(1, 132)]
OURS_ALONE = {
    *("tools", "clock", "room-backups", "dotenv-private", "dag-processor-up", "current-release", "redis-alive"),
    *("release-back", "services-back", "tables-back", "dag-imports-back", "incident-record"),
}
GIVEN = {"root", "releases", "shared", "current", "release", "backups", "control", "mirror", "venv", "python", "system"}
GIVEN |= {"repository", "ref", "commit", "deployment", "migrations", "trial_run", "measure_run"}


def probe_of(item: str) -> object:
    return LIST.by_id[item].probe


def asking(source: str) -> list[Item]:
    return [item for item in LIST.items if source in item.sources]


def spread(text: str) -> Iterator[str]:
    for word in text.split():
        first, _, last = word.partition("-")
        yield from (f"T{n:03}" for n in range(int(first[1:]), int((last or first)[1:]) + 1))


# --- the owners' list ----------------------------------------------------------------------------------------------


def test_every_owners_item_is_asked_and_in_the_table() -> None:
    lines = (FOLDER / "items.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|") for line in lines if re.match(r"\| T\d{3} \|", line)]
    told = {row[1].strip(): re.findall(r"`([a-z0-9-]+)`", row[3]) for row in rows}
    assert list(told) == OWNERS
    assert told == {owner: [item.id for item in asking(owner)] for owner in OWNERS}
    assert all(told.values())


def test_what_the_owners_do_not_ask_is_ours_alone() -> None:
    assert {item.id for item in LIST.items if not item.sources} == OURS_ALONE
    assert {source for item in LIST.items for source in item.sources} == set(OWNERS)


def test_every_disagreement_is_explained() -> None:
    text = (FOLDER / "items.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (Y\d\d) \|", text, re.MULTILINE) == [f"Y{number:02}" for number in range(1, 40)]


def test_severities_are_the_owners() -> None:
    block = (
        "T001-T004 T006-T013 T015-T017 T019-T027 T029 T031-T033 T036-T038 T040-T050 T052-T057 T062 T067-T075"
        " T081-T088 T093-T094 T100-T103 T109 T118 T120-T124 T131"
    )
    info = "T005 T018 T035 T039 T080 T112 T115 T129-T130"
    wanted = dict.fromkeys(OWNERS, Severity.WARNING)
    wanted |= dict.fromkeys(spread(block), Severity.CRITICAL) | dict.fromkeys(spread(info), Severity.INFO)
    for owner in OWNERS:
        assert {item.severity for item in asking(owner)} == {wanted[owner]}, owner


# --- the checklist by itself ---------------------------------------------------------------------------------------


def test_every_phase_of_the_flow_has_items_and_no_other() -> None:
    assert {item.phase for item in LIST.items} == {*SYSTEM.phases, "rollback"}
    assert {type(item.probe).name for item in LIST.items if item.probe} <= set(known_probes())


def test_every_item_that_can_fail_says_what_to_do() -> None:
    assert [i.id for i in LIST.items if i.probe and i.severity is not Severity.INFO and not i.action] == []


def test_a_missing_signature_alone_never_takes_a_deployment_back() -> None:
    late = [i.id for i in LIST.items if i.signoff and i.severity is Severity.CRITICAL and not i.due]
    assert late == ["team-approval"]
    before = SYSTEM.phases[: SYSTEM.phases.index("services")]
    assert LIST.by_id["team-approval"].phase in before


def test_nothing_of_a_release_or_a_run_is_asked_before_it_is_there() -> None:
    before_the_trial = SYSTEM.phases[: SYSTEM.phases.index("trial")]
    for item in LIST.items:
        if item.phase == "prereqs":
            assert not names_of(item) & {"release", "python", "venv"}, item.id
        if item.phase in before_the_trial:
            assert not names_of(item) & {"current", "trial_run"}, item.id


def test_the_rehearsal_database_is_not_there_before_the_backup() -> None:
    early = [item.probe for item in LIST.items if item.phase in ("prereqs", "release", "validate.pre") and item.probe]
    assert not [probe.name for probe in early if probe.name.startswith(("sql.", "redis.", "airflow.", "xcom."))]


def test_only_schedules_and_an_image_are_left_out_in_the_sandbox() -> None:
    left_out = {item.id for item in LIST.items if item.only and "compose" not in item.only}
    assert left_out == {"backup-scheduled", "health-scheduled", "redis-version"}


def test_scripts_exist_and_none_is_left_over() -> None:
    text = (FOLDER / "checklist.md").read_text("utf-8")
    assert set(re.findall(r"script: scripts/([\w.]+)", text)) == {file.name for file in (FOLDER / "scripts").iterdir()}


# --- checklist and description agree -------------------------------------------------------------------------------


def test_variables_are_asked_as_they_are_set() -> None:
    assert SYSTEM.workflows
    configured, scaled = probe_of("variables-set"), probe_of("production-values")
    assert isinstance(configured, Variables) and dict(configured.values) == dict(SYSTEM.workflows.variables)
    assert isinstance(scaled, Variables) and dict(scaled.values) == dict(SYSTEM.workflows.scale)


def test_what_a_later_phase_changes_is_asked_in_its_own_only() -> None:
    assert SYSTEM.workflows
    overwritten = set(SYSTEM.workflows.scale)
    asked = [item for item in LIST.items if item.phase == "configure" and isinstance(item.probe, Variables)]
    for item in asked:
        assert isinstance(item.probe, Variables)
        assert item.transient == bool(overwritten & set(item.probe.values)), item.id


def test_the_rate_is_nine_tenths_of_what_workers_and_delay_allow() -> None:
    assert SYSTEM.workflows
    settings, asked = {**SYSTEM.workflows.variables, **SYSTEM.workflows.trial.variables}, probe_of("crawl-rate")
    ceiling = Decimal(settings["tiki_parallel_workers"]) / Decimal(settings["tiki_rate_limit"])
    assert isinstance(asked, Value)
    assert asked.at_least == Decimal("0.9") * ceiling


def test_the_trial_is_judged_by_its_own_size() -> None:
    assert SYSTEM.workflows
    small, asked = SYSTEM.workflows.trial.variables, probe_of("trial-configuration")
    assert isinstance(asked, Keys)
    categories, products = (key.size.at_most for key in asked.keys)
    assert categories == int(small["tiki_max_categories"])
    assert products == int(small["tiki_max_categories"]) * int(small["tiki_max_products_per_category"])


def test_the_nine_tasks_are_asked_one_by_one_and_in_their_order() -> None:
    together = probe_of("task-order")
    assert isinstance(together, Tasks) and together.ordered and len(together.tasks) == 9
    single = [item.probe for item in LIST.items if isinstance(item.probe, Tasks) and item.id != "task-order"]
    assert tuple(task for probe in single for task in probe.tasks) == together.tasks


def test_every_service_of_the_stack_is_watched() -> None:
    assert SYSTEM.compose
    whole = {*SYSTEM.compose.stores, *SYSTEM.compose.services}
    for name in ("services-up", "services-alive", "services-back"):
        asked = probe_of(name)
        assert isinstance(asked, Services)
        assert (set(asked.expected), asked.once) == (whole, SYSTEM.compose.once)
    files = probe_of("compose-files")
    assert isinstance(files, Config) and files.files == SYSTEM.compose.files and set(files.services) == whole


def test_dags_are_called_as_described() -> None:
    assert SYSTEM.workflows
    named = {str(dag) for item in LIST.items if (dag := getattr(item.probe, "dag", None))}
    assert named == {SYSTEM.workflows.original, SYSTEM.workflows.optimised}


def test_celery_is_asked_where_airflow_is() -> None:
    assert SYSTEM.workflows
    assert SYSTEM.workflows.drain.active[0] == "celery"
    for environment in config._read(FOLDER).data["environments"].values():
        assert environment["airflow"]["cli"][-1] == "airflow"


# --- environments --------------------------------------------------------------------------------------------------


def example() -> dict[str, str]:
    """Every variable of .env.example, commented out or not, with a value."""
    text = (PROJECT / ".env.example").read_text(encoding="utf-8")
    found = re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE)
    return {name: value or f"value-of-{name.lower()}" for name, value in found}


def names_of(item: Item) -> set[str]:
    return set(NAME.findall(item.probe.model_dump_json())) if item.probe else set()


def test_names_are_given_in_every_environment() -> None:
    document = config._read(FOLDER).data["environments"]
    for environment in document.values():
        known = GIVEN | set(environment["parameters"])
        for item in LIST.items:
            assert names_of(item) <= known, item.id


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_the_example_names_every_variable_and_no_other(name: str, tmp_path: Path) -> None:
    environment = config.load_environment(SYSTEM, name, tmp_path, example())
    assert environment.signoffs == "hold" and environment.hours
    assert all(database.admin_url for database in environment.databases.values())
    wanted = set(re.findall(rf"\$\{{(TIKI_{name.upper()}_\w+)", (FOLDER / "system.yaml").read_text("utf-8")))
    assert {variable for variable in example() if variable.startswith(f"TIKI_{name.upper()}_")} == wanted


def test_the_sandbox_shows_signoffs_and_needs_no_other_settings(tmp_path: Path) -> None:
    text = (FOLDER / "system.yaml").read_text(encoding="utf-8")
    variables = dict.fromkeys(re.findall(r"\$\{(SANDBOX_TIKI_\w+)", text), "x" * 8)
    environment = config.load_environment(SYSTEM, "compose", tmp_path, variables)
    assert environment.sandbox and environment.signoffs == "show"


# --- the query -----------------------------------------------------------------------------------------------------


@pytest.mark.live
def test_the_pace_of_runs_is_compared_with_that_of_the_month_before(postgres: LivePostgres) -> None:
    tables = PROJECT / "deploy/sandbox/tiki_pipeline/template/sql/crawl_data.sql"
    run = """insert into crawl_history (crawl_type, run_id, status, items_count, started_at, completed_at)
        select 'optimized', 'r', %s, %s, ended - make_interval(secs => %s), ended
        from (select now() - make_interval(days => %s) as ended) as run"""
    url = postgres.create("tiki_pace")
    with psycopg.connect(url) as connection:
        connection.execute(tables.read_bytes())
        for day in range(1, 8):
            connection.execute(run, ("success", 100, 200 + day, day))
            connection.execute(run, ("failed", 100, 9000, day))
            connection.execute(run, ("success", 20, 9000, day))
        connection.execute(run, ("success", 100, 9000, 60))

    def judged(days: int, *before: float) -> Verdict:
        asked = probe_of("pace-trend")
        assert isinstance(asked, Samples)
        question = asked.ask(Scope({}, datetime.now(UTC) - timedelta(days=days, hours=1)))
        (found,) = answer([question], Secret(url))  # type: ignore[list-item]  # there is a span to ask about
        assert isinstance(found, Rows), found
        return asked.model_copy(update={"against": before}).judge(found)  # type: ignore[no-any-return]

    assert judged(7, *[2.02] * 20).found == "median 2.04 s, 2.02 s before; effect +0.57"
    assert judged(7, *[1.5] * 20).status is Status.FAIL
    assert judged(7, *[3.0] * 20).status is Status.PASS
    assert judged(4, *[1.5] * 20).status is judged(7, *[1.5] * 4).status is Status.UNKNOWN


# --- the script ----------------------------------------------------------------------------------------------------


@pytest.mark.live
def test_branches_that_hold_a_commit_are_told(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        settings = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *settings, *words], cwd=tmp_path, check=True, capture_output=True)

    def asked(commit: str, pattern: str, folder: str = ".git") -> tuple[int, str]:
        script = FOLDER / "scripts" / "branch.sh"
        done = subprocess.run(
            ["sh", str(script), str(tmp_path / folder), commit, pattern], capture_output=True, text=True
        )
        return done.returncode, done.stdout

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "one")
    git("checkout", "-q", "-b", "side")
    git("commit", "-q", "--allow-empty", "-m", "two")
    assert asked("side~1", ".*") == (0, "main\nside\n")
    assert asked("side", "main|optimize") == (1, "")
    assert asked("nosuch", ".*")[0] == 3
    assert asked("side", ".*", "elsewhere")[0] == 3
