"""SQL: parameters, questions that travel together, and statements of steps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from deploy.channels import postgres as channel
from deploy.channels.postgres import bind
from deploy.command import Statement
from deploy.errors import CommandFailed
from deploy.question import Rows, Sql, Unanswered
from deploy.secret import Secret, mask

SINCE = datetime(2026, 11, 23, 1, 15, tzinfo=UTC)
PARAMS = {"since": SINCE, "load_id": "L1", "limit": 3}


@pytest.mark.parametrize(
    ("sql", "bound", "used"),
    [
        ("select 1", "select 1", None),
        ("select '100%' like 'x%'", "select '100%' like 'x%'", None),
        ("where at >= :since", "where at >= %(since)s", {"since"}),
        ("where at >= :since::timestamptz", "where at >= %(since)s::timestamptz", {"since"}),
        ("select a::text, :limit", "select a::text, %(limit)s", {"limit"}),
        ("select 'a:since', :limit", "select 'a:since', %(limit)s", {"limit"}),
        ("select 'it''s :since'", "select 'it''s :since'", None),
        (r"select e'it\'s :since'", r"select e'it\'s :since'", None),
        ("select ':since\\', :limit", "select ':since\\', %(limit)s", {"limit"}),
        ('select ":since" from t', 'select ":since" from t', None),
        ("select $$ :since $$, $q$ $$ :since $q$", "select $$ :since $$, $q$ $$ :since $q$", None),
        ("select 1 -- :since\n, :limit", "select 1 -- :since\n, %(limit)s", {"limit"}),
        ("select /* :since */ :limit", "select /* :since */ %(limit)s", {"limit"}),
        ("select a % 2, 'x%', :limit", "select a %% 2, 'x%%', %(limit)s", {"limit"}),
        ("select a[1:2], b[i:j], :limit", "select a[1:2], b[i:j], %(limit)s", {"limit"}),
        ("select :sinced", "select :sinced", None),
        ("select :limit, :limit, :load_id", "select %(limit)s, %(limit)s, %(load_id)s", {"limit", "load_id"}),
        ("select f(a := :limit)", "select f(a := %(limit)s)", {"limit"}),
    ],
)
def test_parameters_are_found_and_nothing_else(sql: str, bound: str, used: set[str] | None) -> None:
    assert bind(sql, PARAMS) == (bound, {name: PARAMS[name] for name in used} if used else None)


def question(*statements: str, timeout: float = 30.0, **params: Any) -> Sql:
    return Sql("app", statements, params, timeout)


def rows(answer: Rows | Unanswered) -> tuple[tuple[tuple[object, ...], ...], ...]:
    assert isinstance(answer, Rows), answer
    return answer.sets


def why(answer: Rows | Unanswered) -> str:
    assert isinstance(answer, Unanswered), answer
    return answer.why


@pytest.fixture
def url(postgres: Any) -> Secret:
    return Secret(postgres.url("postgres"))


@pytest.mark.live
def test_questions_get_their_rows_in_order(url: Secret) -> None:
    first, second = channel.answer(
        [
            question("select 1 as one, 'a' as two", "values (1), (2)", "select 1 where false"),
            question("select :since, :since is null, :nothing is null, 10 % 3", since=SINCE, nothing=None),
        ],
        url,
    )
    assert rows(first) == (((1, "a"),), ((1,), (2,)), ())
    assert isinstance(first, Rows) and first.columns == (("one", "two"), ("column1",), ("?column?",))
    assert rows(second) == (((SINCE, False, True, 1),),)


FAILING = {
    "select * from no_such_table": 'relation "no_such_table" does not exist (SQLSTATE 42P01)',
    "select nothing": 'column "nothing" does not exist (SQLSTATE 42703)',
    "select pg_sleep(60)": "timed out after 0.1 s",
    "select 1; select 2": "SQLSTATE 42601",
    "select :nobody": "SQLSTATE 42601",
    "select pg_terminate_backend(pg_backend_pid())": "",
    "with x as (delete from pg_description returning 1) select 1 from x": "read-only transaction (SQLSTATE 25006)",
    "create table x ()": "not a statement that reads",
    "set default_transaction_read_only = off": "not a statement that reads",
    "copy pg_class to stdout": "not a statement that reads",
    "commit": "not a statement that reads",
    "": "not a statement that reads",
}


@pytest.mark.live
@pytest.mark.parametrize("statement", FAILING)
def test_a_failing_question_spoils_only_itself(url: Secret, statement: str) -> None:
    asked = [question("select 'before'"), question(statement, timeout=0.1), question("select 'after'")]
    before, failing, after = channel.answer(asked, url)
    assert rows(before) == ((("before",),),)
    assert rows(after) == ((("after",),),)
    assert FAILING[statement] in why(failing)


@pytest.mark.live
def test_what_timed_out_is_not_asked_again(url: Secret) -> None:
    asked = [question("select 1"), question("select pg_sleep(60)", timeout=0.1), question("select 2")]
    _, late, after = channel.answer(asked, url)
    assert isinstance(late, Unanswered)
    assert late.took == 0.1  # its time as it was set, not as a second try had taken
    assert rows(after) == (((2,),),)


@pytest.mark.live
def test_all_failing_questions_at_once(url: Secret) -> None:
    asked = [one for text in FAILING for one in (question(text, timeout=0.1), question("select 7"))]
    answers = channel.answer(asked, url)
    assert [rows(answer) for answer in answers[1::2]] == [(((7,),),)] * len(FAILING)
    assert all(isinstance(answer, Unanswered) for answer in answers[0::2])


@pytest.mark.live
def test_what_a_function_writes_is_rolled_back(url: Secret) -> None:
    """Making a large object is allowed even in a read-only transaction."""
    channel.answer([question("select lo_create(424242)"), question("select 1")], url)
    count = question("select count(*) from pg_largeobject_metadata where oid = 424242")
    assert rows(channel.answer([count], url)[0]) == (((0,),),)


@pytest.mark.live
@pytest.mark.parametrize("scope", ["true", "false"])
def test_what_a_question_sets_is_gone_for_the_next(url: Secret, scope: str) -> None:
    first = question(f"select set_config('search_path', 'pg_catalog', {scope})", "show search_path")
    answers = channel.answer([first, question("show search_path")], url)
    assert [rows(answer)[-1][0][0] for answer in answers] == ["pg_catalog", '"$user", public']


@pytest.mark.live
def test_reading_may_start_with_a_comment_or_a_parenthesis(url: Secret) -> None:
    asked = question(
        "-- why\n /* and how */ ((select 1))", "WITH a AS (select 2) select * from a", "show server_encoding"
    )
    assert rows(channel.answer([asked], url)[0]) == (((1,),), ((2,),), (("UTF8",),))


@pytest.mark.live
def test_the_session_is_ours_read_only_and_in_utc(url: Secret) -> None:
    names = ("application_name", "timezone", "transaction_read_only")
    text = "select " + ", ".join(f"current_setting('{name}')" for name in names)
    timeout = "select current_setting('statement_timeout')"
    answers = channel.answer([question(text), question(timeout, timeout=7), question(timeout)], url)
    assert [rows(answer)[0][0] for answer in answers] == [("pipeline-deploy", "UTC", "on"), ("7s",), ("30s",)]


@pytest.mark.live
def test_permission_denied_names_what_is_closed(postgres: Any, url: Secret) -> None:
    with psycopg.connect(url.reveal(), autocommit=True) as connection:
        connection.execute("create role channel_reader login password 'canary-reader'")
        connection.execute("create table closed_table ()")
    reader = f"postgresql://channel_reader:canary-reader@{postgres.host}:{postgres.port}/postgres"
    (answer,) = channel.answer([question("select * from closed_table")], Secret(reader))
    assert why(answer) == "permission denied for table closed_table (SQLSTATE 42501)"


@pytest.mark.live
def test_no_connection_leaves_every_question_unanswered_without_a_password(postgres: Any) -> None:
    place = f"{postgres.host}:{postgres.port}"
    for wrong, reason in {
        f"postgresql://postgres:canary-wrong@{place}/postgres": "password authentication failed",
        f"postgresql://postgres:{postgres.password}@{place}/no_such_database": "does not exist",
        "postgresql://postgres:canary-wrong@127.0.0.1:1/postgres": "refused",
    }.items():
        answers = channel.answer([question("select 1"), question("select 2")], Secret(wrong))
        assert [reason in why(answer) for answer in answers] == [True, True]
        text = repr(answers)
        assert "canary" not in text and postgres.password not in text and mask(text) == text


@pytest.mark.live
def test_a_script_of_statements_runs_with_parameters(url: Secret) -> None:
    lines: list[str] = []
    text = """
        do $$ begin raise notice 'hello'; end $$;
        create temp table t (a int, b text);
        insert into t values (:limit, 'it''s :limit'), (1, null);
        select * from t;
    """
    done = channel.execute(Statement("app", text, {"limit": 3}), url, lines.append)
    assert (done.exit, done.out, done.err, lines) == (0, "3\tit's :limit\n1\t\n", "hello", ["hello"])


@pytest.mark.live
def test_a_statement_that_fails_or_takes_too_long(url: Secret) -> None:
    with pytest.raises(CommandFailed, match=r"(?s)SQL on app: divide: exited 1.*division by zero \(SQLSTATE 22012\)"):
        channel.execute(Statement("app", "select 1/0", note="divide"), url)
    with pytest.raises(CommandFailed, match="timed out"):
        channel.execute(Statement("app", "select pg_sleep(60)", timeout=0.1), url)
    with pytest.raises(CommandFailed, match="refused"):
        channel.execute(Statement("app", "select 1"), Secret("postgresql://u:p@127.0.0.1:1/x"))
