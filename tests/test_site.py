"""A site: who is asked what, what commands get, and which database is meant."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.channels import http, shell
from deploy.command import Run, Script, Statement
from deploy.errors import CommandFailed, ConfigError
from deploy.question import Http, Output, Redis, Response, Rows, Shell, Sql, Unanswered
from deploy.secret import Secret
from deploy.site import Site
from deploy.system import Environment

URL = "postgresql://app:canary-app@db.example/crawl?schema=public"
ADMIN = "postgresql://root:canary-root@db.example/postgres"


def site(**settings: Any) -> Site:
    return Site(Environment.model_validate({"name": "test", "root": "/srv", "repository": "/repo", **settings}))


def with_database(url: str = URL, admin: str | None = ADMIN) -> Site:
    return site(databases={"app": {"url": url, "admin_url": admin}}, secrets={"API_KEY": "canary-key"})


class Seen:
    """Channels that answer with what they were asked, and remember it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[tuple[str, list[Any]]] = []
        monkeypatch.setattr(shell, "answer", lambda questions, *_: self.note("shell", questions))
        monkeypatch.setattr(http, "answer", lambda questions: self.note("http", questions))

    def note(self, channel: str, questions: Sequence[Any]) -> list[Any]:
        self.batches.append((channel, list(questions)))
        return [Output(0, repr(question)) for question in questions]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    return Seen(monkeypatch)


def test_importing_it_is_cheap() -> None:
    program = "import deploy.site, sys; print(sorted({'psycopg', 'redis', 'httpx', 'fabric'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert said.stdout == "[]\n"


def test_a_role_without_hosts_is_this_machine() -> None:
    assert site().hosts("app") == ["localhost"]
    assert site(hosts={"app": ("localhost",)}).hosts("app") == ["localhost"]


def test_a_site_seen_from_one_host_goes_there_alone_where_the_role_has_it() -> None:
    far = site(hosts={"app": ("one.example", "two.example"), "db": ("three.example",)})
    assert far.hosts("app") == ["one.example", "two.example"]
    assert far.at("two.example").hosts("app") == ["two.example"]
    assert far.at("two.example").hosts("db") == ["three.example"]
    assert far.at("two.example").redirect("app", "scratch").hosts("app") == ["two.example"]


def test_each_channel_gets_one_batch_and_answers_keep_their_order(seen: Seen) -> None:
    a, b, c, d = Shell("a"), Http("http://b"), Shell("c"), Http("http://d")
    answers = site().answer([("localhost", question) for question in (a, b, c, d)])
    assert [answer.out for answer in answers if isinstance(answer, Output)] == [repr(q) for q in (a, b, c, d)]
    assert sorted(seen.batches, key=str) == [("http", [b, d]), ("shell", [a, c])]


def test_equal_questions_to_one_target_are_asked_once(seen: Seen) -> None:
    asked = [("localhost", Http("http://x", headers={"a": "b"})), ("localhost", Http("http://x", headers={"a": "b"}))]
    first, second = site().answer([*asked])
    assert first == second
    assert [len(questions) for _, questions in seen.batches] == [1]


def test_nothing_asked_nothing_answered() -> None:
    assert site().answer([]) == []


def test_channels_are_asked_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the other to have begun."""
    both = threading.Barrier(2, timeout=20)

    def wait(questions: Sequence[Any], *_: Any) -> list[Output]:
        both.wait()
        return [Output(0, "")] * len(questions)

    monkeypatch.setattr(shell, "answer", wait)
    monkeypatch.setattr(http, "answer", wait)
    assert len(site().answer([("localhost", Shell("a")), ("localhost", Http("http://b"))])) == 2


def test_a_database_or_cache_that_nobody_configured_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no database 'ap'") as caught:
        with_database().answer([("localhost", Sql("ap", ("select 1",)))])
    assert caught.value.fix == "did you mean 'app'?"
    with pytest.raises(ConfigError, match="no cache 'jobs'"):
        site().answer([("localhost", Redis("jobs", ("PING",)))])


def test_questions_with_the_application_s_own_environment() -> None:
    place = site(env={"OPEN": "o"}, secrets={"HIDDEN": "canary-h"}, databases={"app": {"url": URL}})
    plain, app = (Shell('echo "${OPEN-}/${HIDDEN-}/${DATABASE_URL-}"', app=app) for app in (False, True))
    answers = place.redirect("app", "scratch").answer([("localhost", plain), ("localhost", app)])
    assert [answer.out for answer in answers if isinstance(answer, Output)] == [
        "//\n",
        "o/canary-h/postgresql://app:canary-app@db.example/scratch?schema=public\n",
    ]


def test_a_command_gets_the_path_and_only_the_secrets_it_carries(tmp_path: Path) -> None:
    place = site(path=(str(tmp_path),), env={"OPEN": "o"}, secrets={"HIDDEN": "canary-hidden"})
    text = 'echo "${PATH%%:*} ${OPEN-} ${HIDDEN-} ${GIVEN-}"'
    done = place.execute(Script(text, secrets={"GIVEN": Secret("canary-given")}))
    assert done.out == f"{tmp_path}   canary-given\n"


def test_lines_are_passed_on_and_failures_raised() -> None:
    lines: list[str] = []
    site().execute(Script("echo one; echo two"), lines.append)
    assert lines == ["one", "two"]
    with pytest.raises(CommandFailed, match="false: exited 1"):
        site().execute(Run(("false",)))


def test_files_of_the_control_host(tmp_path: Path) -> None:
    place, path = site(), str(tmp_path / ".deploy" / "marker")
    assert place.read(path) is None
    place.write(path, "text\n")
    assert place.read(path) == "text\n"


def test_the_names_of_a_database() -> None:
    place = with_database()
    assert place.dbname("app") == "crawl"
    assert place.redirect("app", "scratch").dbname("app") == "scratch"
    assert place.dbname("app") == "crawl", "the site itself is not redirected"


def test_the_urls_of_a_database() -> None:
    place = with_database()
    assert place.url("app").reveal() == URL
    assert place.url("app", admin=True).reveal() == "postgresql://root:canary-root@db.example/crawl"
    assert place.url("app", admin=True, dbname="postgres").reveal() == ADMIN
    assert place.redirect("app", "s").url("app").reveal() == "postgresql://app:canary-app@db.example/s?schema=public"
    assert "canary" not in repr(place.url("app"))


def test_an_administrator_who_is_not_configured() -> None:
    with pytest.raises(ConfigError, match="no admin_url") as caught:
        with_database(admin=None).url("app", admin=True)
    assert caught.value.where == "environments.test.databases.app"


def test_variables_for_the_programs_of_postgresql() -> None:
    env, secrets = with_database().libpq("app", admin=True, dbname="other")
    assert env == {"PGHOST": "db.example", "PGUSER": "root", "PGDATABASE": "other"}
    assert {name: secret.reveal() for name, secret in secrets.items()} == {"PGPASSWORD": "canary-root"}


def test_the_secrets_of_the_application() -> None:
    secrets = with_database().redirect("app", "scratch").app_secrets()
    assert {name: secret.reveal() for name, secret in secrets.items()} == {
        "API_KEY": "canary-key",
        "DATABASE_URL": "postgresql://app:canary-app@db.example/scratch?schema=public",
    }
    assert site(secrets={"API_KEY": "canary-key"}).app_secrets().keys() == {"API_KEY"}


@pytest.mark.live
def test_everything_for_real(postgres: Any) -> None:
    place = with_database(postgres.create("site_real"), postgres.url())
    asked = [
        ("localhost", Sql("app", ("select current_database()",))),
        ("localhost", Shell("echo here")),
        ("localhost", Http("http://127.0.0.1:1/")),
        ("localhost", Sql("app", ("select 2",))),
    ]
    database, here, nobody, two = place.answer(asked)
    assert isinstance(database, Rows) and database.sets == ((("site_real",),),)
    assert here == Output(0, "here\n", "", here.took)
    assert isinstance(nobody, Unanswered)
    assert isinstance(two, Rows) and not isinstance(two, Response)


@pytest.mark.live
def test_a_redirected_database_for_real(postgres: Any) -> None:
    postgres.create("site_scratch")
    place = with_database(postgres.create("site_app"), postgres.url()).redirect("app", "site_scratch")
    place.execute(Statement("app", "create table only_here ()"))
    with place.connect("app") as connection:
        row = connection.execute("select to_regclass('only_here'), current_setting('timezone')").fetchone()
    assert row == ("only_here", "UTC")
    with with_database(postgres.url("site_app")).connect("app") as connection:
        assert connection.execute("select to_regclass('only_here')").fetchone() == (None,)


@pytest.mark.live
def test_programs_of_postgresql_get_their_password_by_environment(postgres: Any) -> None:
    place = with_database(postgres.create("site_psql"), postgres.url())
    place = Site(place.environment.model_copy(update={"path": (str(postgres.bin),)}))
    env, secrets = place.libpq("app")
    argv = ("psql", "-XAtc", "select current_database()")
    assert place.execute(Run(argv, env=env, secrets=secrets)).out == "site_psql\n"
