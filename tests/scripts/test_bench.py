"""scripts/bench: the arithmetic of its figures and how they are printed. What it measures is for it to run."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.command import Run, Script, Statement
from deploy.endpoints import Airflow as Api
from deploy.endpoints import Cache, Docker
from deploy.question import Airflow, Http, Output, Question, Redis, Reply, Rows, Shell, Sql, Unanswered
from deploy.question import Docker as Engine
from deploy.secret import Secret
from deploy.site import Site
from deploy.system import Database, Environment
from scripts.benchmark import byhand, deployment, peers, prereqs, stack, typed, watched
from scripts.benchmark.__main__ import arguments, report
from scripts.benchmark.asked import Asked, differences, divided
from scripts.benchmark.figures import Figure, Pair, Spread, as_json, columns, spread, text
from scripts.benchmark.place import Broken, timed
from scripts.benchmark.spans import Span, covered, of

SLOW = Figure("slow", "how it was taken.", [Pair(2.0, 1.0), Pair(9.0, 3.0), Pair(0.5, 1.0)], 1.15, {"part": [1, 3, 2]})
FAST = Figure("fast", "how.", [Pair(1.0, 4.0)], 0.25)
PLAIN = Figure("plain", "how.", [Pair(1.0, 4.0)])


def test_a_ratio_is_made_within_each_pair() -> None:
    assert SLOW.ratio == Spread(2.0, 0.5, 3.0)  # not the 2 s / 1 s of the medians, nor 9 s / 1 s
    assert (SLOW.ours, SLOW.bare) == (Spread(2.0, 0.5, 9.0), Spread(1.0, 1.0, 3.0))


def test_of_an_even_number_the_median_is_between_the_two_in_the_middle() -> None:
    assert spread([4.0, 1.0, 2.0, 3.0]) == Spread(2.5, 1.0, 4.0)


def test_an_aim_is_held_up_to_its_bound() -> None:
    assert (FAST.verdict, SLOW.verdict, PLAIN.verdict) == ("held", "MISSED", "")


def test_the_table_has_a_row_for_each_figure_and_tells_how_it_was_taken() -> None:
    lines = text([SLOW, PLAIN]).splitlines()
    assert lines[0].split() == ["ours", "bare", "ours", "/", "bare", "aim"]
    assert lines[1].startswith("slow   2.000 s (0.500 to 9.000)  1.000 s (1.000 to 3.000)  2.000 x (0.500 to 3.000)")
    assert lines[1].endswith("1.15 x  MISSED")
    assert lines[2].endswith("0.250 x (0.250 to 0.250)")
    assert lines[4:6] == ["slow, 3 pairs: how it was taken.", "    part  2.000 s (1.000 to 3.000)"]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert columns([("a", "bb", "c"), ("aaa", "", "")]) == ["a    bb  c", "aaa"]


def test_json_has_every_run() -> None:
    data = json.loads(as_json([SLOW, PLAIN], {"python": "3"}))
    assert data["about"] == {"python": "3"}
    slow, plain = data["figures"]
    assert (slow["ours"], slow["bare"], slow["ratios"]) == ([2.0, 9.0, 0.5], [1.0, 3.0, 1.0], [2.0, 3.0, 0.5])
    assert (slow["held"], slow["ratio"]["middle"], slow["parts"]) == (False, 2.0, {"part": [1, 3, 2]})
    assert (plain["aim"], plain["held"]) == (None, None)


def test_the_report_says_which_aims_are_missed() -> None:
    assert report([FAST, SLOW], "text").endswith("Aims missed: slow.")
    assert report([FAST, PLAIN], "text").endswith("Every aim is held.")
    assert json.loads(report([FAST], "json"))["figures"][0]["held"] is True


def test_arguments() -> None:
    assert arguments([]).parts == ["prereqs", "deploy", "backup"]  # not what takes long, or needs a stack
    fleet = arguments(["fleet", "--hosts", "1,50", "--peers", "openssh,ansible"])
    assert (fleet.parts, fleet.hosts, fleet.peers) == (["fleet"], (1, 50), ("openssh", "ansible"))
    wanted = arguments(["backup", "-n", "3", "--format", "json"])
    assert (wanted.parts, wanted.runs, wanted.format) == (["backup"], 3, "json")


@pytest.mark.parametrize(
    "words", [["bakcup"], ["-n", "0"], ["--format", "yaml"], ["--hosts", "250"], ["--peers", "chef"]]
)
def test_wrong_arguments(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments(words)
    assert ended.value.code == 2
    assert "scripts/bench: error:" in capsys.readouterr().err


def test_what_runs_at_the_same_time_counts_once() -> None:
    spans = [Span("a", 0, 4), Span("b", 1, 2), Span("a", 3, 6), Span("c", 10, 11)]
    assert (covered(spans), covered(of(spans, "b", "c")), covered([])) == (7, 2, 0)


def test_the_wall_time_is_divided_without_counting_anything_twice() -> None:
    spans = [Span("dump", 1, 4), Span("checksums", 2, 3), Span("statements", 3, 5), Span(watched.CHECKS, 6, 8)]
    found = deployment.shares([*spans, Span("tests", 6, 7)], wall=10)
    assert (found["work: dump"], found["work: checksums"], found["work: tests"], found["work: pip"]) == (3, 1, 1, 0)
    assert [seconds for name, seconds in found.items() if name.startswith("not work")] == [1, 0, 1, 4]


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (Script("umask 077\npg_dump --format=directory -j 2"), "dump"),
        (Script("find .", note="sha256 and size of each file"), "dump"),
        (Script("pg_restore --jobs=2 x"), "restore"),
        (Script("python -m venv x", note="one virtual environment for equal requirements and Python"), "pip"),
        (Run(("python", "-m", "engine.generate"), note="build: generate"), "pip"),
        (Run(("python", "-m", "engine.run"), env={"LOAD_ID": "x"}), "load"),
        (Script("git clone x", note="the repository, mirrored"), watched.OTHER),
        (Statement("app", "select 1"), watched.OTHER),
    ],
)
def test_what_commands_are_at_work_on(command: Run | Script | Statement, kind: str) -> None:
    assert watched.kind_of(command) == kind


def test_test_runs_stand_where_they_were_in_the_batch_and_count_once() -> None:
    run, look, sql = Shell("python -m pytest -q"), Shell("ls"), Sql("app", ("select 1",))
    told, seen = Output(0, "", took=5.0), Output(0, "", took=1.0)
    found = watched.tests([look, run, sql, run, look], [seen, told, Rows(()), told, Unanswered("no")], began=10.0)
    assert list(found) == [Span("tests", 11.0, 16.0)]


@pytest.fixture
def site() -> Site:
    url = Secret("postgresql://app:s3cret@db:5433/engine")
    return Site(Environment(name="local", root="/srv", repository="/r", databases={"app": Database(url=url)}))


def test_questions_as_they_are_typed(site: Site) -> None:
    asked = Sql("app", ("select :who || '%', 1::int",), {"who": "o'hara"})
    assert typed.lines(Shell("df -P ."), site) == "sh -c 'df -P .'"
    assert typed.written("select 1 % 2", asked) == "select 1 % 2"
    assert typed.written(asked.statements[0], asked) == "select 'o''hara' || '%', 1::int"
    line = typed.lines(asked, site)
    assert line.startswith("PGHOST=db PGPORT=5433 PGUSER=app PGDATABASE=engine PGPASSWORD=s3cret PGTZ=UTC psql ")


def test_typed_questions_are_run_and_read_back(site: Site, tmp_path: Path) -> None:
    questions = [Shell("echo hello"), Shell("echo no >&2; exit 3")]
    assert typed.run(typed.script(questions, site, tmp_path)) > 0
    assert list(typed.answers(questions, tmp_path)) == [(0, "hello\n"), (3, "")]


def test_our_answers_in_the_form_of_typed_ones() -> None:
    at = datetime(2026, 1, 31, tzinfo=UTC)
    assert typed.as_typed(Output(1, "out")) == (1, "out")
    assert typed.as_typed(Rows((((True, None), (False, 7)), (("x", 0.5),)))) == (0, "t|\nf|7\nx|0.5\n")
    assert typed.cell(at) == "2026-01-31 00:00:00+00:00"
    for answer in (Unanswered("no"), Reply("PONG")):
        with pytest.raises(Broken):
            typed.as_typed(answer)


def test_only_sizes_that_move_are_compared_without_their_digits() -> None:
    size, other = Sql("app", ("select pg_database_size(current_database())",)), Shell("echo 12")
    assert prereqs.seen(size, (0, "123")) == prereqs.seen(size, (0, " 45678"))
    assert prereqs.seen(size, (1, "123")) != prereqs.seen(size, (0, "123"))
    assert prereqs.seen(other, (0, "12")) != prereqs.seen(other, (0, "13"))
    assert prereqs.moves(Shell("df -P -k -- /"))


def test_a_process_that_fails_is_no_figure() -> None:
    with pytest.raises(Broken, match="exited 7:\nwhy"):
        timed([sys.executable, "-c", "import sys; print('why'); sys.exit(7)"], {})
    assert timed([sys.executable, "-c", "import sys; sys.exit(input() != 'x')"], {}, given="x\n") > 0


def test_help_measures_nothing() -> None:
    words = [sys.executable, "-m", "scripts.benchmark", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stderr) == (0, "")
    assert "prereqs, deploy, backup, fleet, stack" in done.stdout


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    (tmp_path / "out").mkdir()
    return Asked(["h1", "h2"], ["echo one", "printf 'two\\nlines\\n'"], "c", "k", "key", str(tmp_path / "out"))


def test_answers_of_one_by_one_and_of_a_batch_have_one_form(asked: Asked, tmp_path: Path) -> None:
    asked.write(tmp_path / "asked")
    again = Asked.read(str(tmp_path / "asked"))
    done = subprocess.run(["sh"], input=again.batch, capture_output=True, text=True)
    again.save_batch("h1", done.stdout)
    again.save("h2", ["one", "two\nlines\n"])
    assert asked.answers() == {host: ["one", "two\nlines"] for host in ("h1", "h2")}
    assert divided("") == []


def test_where_answers_differ_is_told() -> None:
    assert differences({"h1": ["a"]}, {"h1": ["a"]}) == []
    assert differences({"h1": ["a"], "h3": []}, {"h1": ["b"], "h2": []}) == [
        "h2: no answer",
        "h3: unasked",
        "h1: 'a' instead of 'b'",
    ]
    assert differences({"h1": ["a"]}, {"h1": ["a", "b"]}) == ["h1: 1 answers instead of 2"]


def test_ansible_starts_cold_and_asks_a_task_a_check(asked: Asked, tmp_path: Path) -> None:
    call = peers.PEERS["ansible"].call(asked, tmp_path / "asked")
    assert call.env["ANSIBLE_SSH_CONTROL_PATH_DIR"] == f"{tmp_path}/cp"
    assert len(json.loads((tmp_path / "play.json").read_text())[0]["tasks"]) == 2
    peers.PEERS["ansible-batch"].call(asked, tmp_path / "asked")
    assert len(json.loads((tmp_path / "play.json").read_text())[0]["tasks"]) == 1


@pytest.fixture
def reader() -> byhand.Reader:
    api = Api(url="http://airflow:8080", user="admin", password=Secret("pa'ss"), cli=("docker", "exec", "s", "airflow"))
    environment = Environment(
        name="compose",
        root="/srv",
        repository="/r",
        docker=Docker(project="tiki"),
        airflow=api,
        caches={"cache": Cache(url=Secret("redis://:s3cret@cache:6380/1"))},
    )
    return byhand.Reader(Site(environment))


@pytest.mark.parametrize(
    ("question", "line"),
    [
        (Airflow("variables/a%20b"), "docker exec s airflow variables get 'a b'"),
        (Airflow("monitor/health"), "curl -sS -K - 'http://airflow:8080/api/v2/monitor/health?'"),
        (Airflow("login"), 'printf %s \'{"username": "admin", "password": "pa\'"\'"\'ss"}\' | curl'),
        (Http("http://a b"), "curl -sS 'http://a b'"),
        (Redis("cache", ("INFO", "memory")), "REDISCLI_AUTH=s3cret redis-cli -h cache -p 6380 INFO memory"),
        (Engine("engine"), "docker version && docker info"),
        (Engine("services"), "docker inspect $(docker ps -aq --filter label=com.docker.compose.project=tiki)"),
        (Engine("stats"), "docker stats --no-stream $(docker ps"),
        (Engine("logs", {"since": "2026-01-31T00:00:00+00:00"}), "docker logs --since 2026-01-31T00:00:00+00:00 $c"),
        (Engine("exec", {"service": "w", "argv": ("ls", "a b"), "cwd": "/x"}), "docker exec -w /x $(docker ps -q"),
        (Shell("df"), "sh -c df"),
    ],
)
def test_questions_about_a_stack_as_they_are_typed(reader: byhand.Reader, question: Question, line: str) -> None:
    assert line in reader.line(question)


def test_a_stack_that_is_not_deployed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "PROJECT", tmp_path)
    with pytest.raises(Broken, match=r"not deployed here: invoke deploy\.compose"):
        stack.measure(1)
