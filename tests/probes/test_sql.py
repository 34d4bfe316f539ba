from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import ValidationError

from deploy.channels import postgres as channel
from deploy.errors import ConfigError
from deploy.probes.sql import Connect, Indexes, NoRows, Value, statement
from deploy.probes.sqlstats import CacheHit
from deploy.question import Answer, Rows, Shell, Sql, Unanswered
from deploy.result import Status
from deploy.scope import Scope
from deploy.secret import Secret

from .asking import FAIL, PASS, UNKNOWN, Situation, ask_shell, asked, check

RATE: dict[str, Any] = {
    "sql": "select avg(ok::int) from extraction",
    "samples": {"sql": "select count(*) from extraction", "at_least": 5},
}
EACH: dict[str, Any] = {
    "sql": "select source, avg(ok::int), count(*) from extraction group by 1 order by 1",
    "each": True,
}
TWICE = {"sql": "select slug, count(*) from listing group by slug having count(*) > 1"}
TABLES = {"tables": ["listing", "extraction"]}
INDEXES = {"table": "listing", "columns": [["slug"], ["latitude", "longitude"]]}
IDS = {"sql": "select id from extraction order by id", "at_least": 5}
SHARE = {"sql": "select count(*) filter (where ok), count(*) from extraction", "at_least": 5}
STRANGER, BLIND, WRONG, AWAY = {"as": "stranger"}, {"as": "blind"}, {"as": "wrong"}, {"as": "away"}

SITUATIONS = [
    Situation("sql.connect", "holds", PASS, {"version_at_least": 12}),
    Situation("sql.connect", "fails", FAIL, {"version_at_least": 99}),
    Situation("sql.connect", "missing", UNKNOWN, env=AWAY),
    Situation("sql.connect", "denied", UNKNOWN, env=WRONG),
    Situation("sql.value", "holds", PASS, {**RATE, "above": 0.74}),
    Situation("sql.value", "holds-file", PASS, {"sql": "rate.sql", "at_least": 0.75}),
    Situation("sql.value", "holds-each", PASS, {**EACH, "at_least": 0.5}),
    Situation("sql.value", "holds-each-samples", PASS, {**EACH, "at_least": 0.5, "samples": {"at_least": 4}}),
    Situation("sql.value", "fails", FAIL, {**RATE, "above": 0.75}),
    Situation("sql.value", "fails-each", FAIL, {**EACH, "at_least": 0.75}),
    Situation("sql.value", "fails-each-although-few", FAIL, {**EACH, "above": 0.5, "samples": {"at_least": 4}}),
    Situation("sql.value", "unknown-each-few", UNKNOWN, {**EACH, "at_least": 0.5, "samples": {"at_least": 5}}),
    Situation(
        "sql.value", "unknown-few", UNKNOWN, {**RATE, "above": 0.1, "samples": {**RATE["samples"], "at_least": 99}}
    ),
    Situation("sql.value", "unknown-null", UNKNOWN, {"sql": "select avg(1) from listing where false", "at_most": 1}),
    Situation("sql.value", "unknown-nan", UNKNOWN, {"sql": "select 'NaN'::numeric", "at_least": 0}),
    Situation("sql.value", "unknown-infinite", UNKNOWN, {"sql": "select 'infinity'::float8", "at_least": 0}),
    Situation("sql.value", "unknown-no-rows", UNKNOWN, {"sql": "select 1 where false", "equals": 1}),
    Situation(
        "sql.value", "unknown-no-rows-each", UNKNOWN, {"sql": "select 'a', 1 where false", "equals": 1, "each": True}
    ),
    Situation("sql.value", "unknown-many-rows", UNKNOWN, {"sql": "select slug from listing", "matches": "."}),
    Situation("sql.value", "missing", UNKNOWN, {"sql": "select count(*) from gone", "equals": 0}),
    Situation("sql.value", "denied", UNKNOWN, {**RATE, "above": 0}, env=BLIND),
    Situation("sql.rows", "holds", PASS, {"sql": "select 1 from listing where slug like '%z%' -- 100 %\n;"}),
    Situation("sql.rows", "fails", FAIL, TWICE),
    Situation("sql.rows", "unknown-few", UNKNOWN, {**TWICE, "samples": {"sql": "select 0", "at_least": 1}}),
    Situation("sql.rows", "missing", UNKNOWN, {"sql": "select 1 from gone"}),
    Situation("sql.rows", "denied", UNKNOWN, TWICE, env=BLIND),
    Situation("sql.sample", "holds", PASS, {"sql": "select slug, latitude from listing order by 1", "at_least": 2}),
    Situation("sql.sample", "fails", UNKNOWN, {"sql": "select slug from listing where false"}),
    Situation("sql.sample", "missing", UNKNOWN, {"sql": "select 1 from gone"}),
    Situation("sql.sample", "denied", UNKNOWN, {"sql": "select slug from listing"}, env=BLIND),
    Situation("sql.samples", "holds", PASS, {**IDS, "against": [2, 1, 4, 3, 6, 5, 8]}),
    Situation("sql.samples", "fails", FAIL, {**IDS, "against": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}),
    Situation("sql.samples", "unknown-few", UNKNOWN, {**IDS, "against": [1, 2, 3, 4]}),
    Situation("sql.samples", "missing", UNKNOWN, {"sql": "select 1 from gone", "against": [1]}),
    Situation("sql.samples", "denied", UNKNOWN, {**IDS, "against": [1]}, env=BLIND),
    Situation("sql.proportion", "holds", PASS, {**SHARE, "against": [700, 1000]}),
    Situation("sql.proportion", "fails", FAIL, {**SHARE, "against": [1000, 1000]}),
    Situation("sql.proportion", "unknown-few", UNKNOWN, {**SHARE, "against": [4, 4]}),
    Situation("sql.proportion", "missing", UNKNOWN, {"sql": "select 1, 1 from gone", "against": [1, 1]}),
    Situation("sql.proportion", "denied", UNKNOWN, {**SHARE, "against": [9, 9]}, env=BLIND),
    Situation("sql.tables", "holds", PASS, TABLES),
    Situation("sql.tables", "fails", FAIL, {"tables": ["listing", "Listing", "a_view"]}),
    Situation("sql.tables", "missing", UNKNOWN, TABLES, env=AWAY),
    Situation("sql.tables", "denied", UNKNOWN, TABLES, env=STRANGER),
    Situation("sql.indexes", "holds", PASS, INDEXES),
    Situation(
        "sql.indexes", "fails", FAIL, {"table": "listing", "columns": [["longitude"], ["longitude", "latitude"]]}
    ),
    Situation("sql.indexes", "fails-invalid", FAIL, {"table": "extraction", "columns": [["source"]]}),
    Situation("sql.indexes", "fails-partial", FAIL, {"table": "extraction", "columns": [["ok"]]}),
    Situation("sql.indexes", "fails-expression", FAIL, {"table": "extraction", "columns": [["id"], ["at"]]}),
    Situation("sql.indexes", "fails-no-table", FAIL, {"table": "gone", "columns": [["a"]]}),
    Situation("sql.indexes", "missing", UNKNOWN, INDEXES, env=AWAY),
    Situation("sql.indexes", "denied", UNKNOWN, INDEXES, env=STRANGER),
    Situation("sql.rights", "holds", PASS, TABLES),
    Situation("sql.rights", "fails", FAIL, TABLES, env={"as": "postgres"}),
    Situation("sql.rights", "fails-reader", FAIL, TABLES, env={"as": "reader"}),
    Situation("sql.rights", "fails-stranger", FAIL, TABLES, env=STRANGER),
    Situation("sql.rights", "missing", UNKNOWN, TABLES, env=AWAY),
    Situation("sql.rights", "denied", UNKNOWN, TABLES, env=WRONG),
    Situation("sql.room", "holds", PASS, {"path": "{root}/backups"}),
    Situation("sql.room", "fails", FAIL, {"copies": 1e12}),
    Situation("sql.room", "missing", UNKNOWN, {}, without=("df",)),
    Situation("sql.room", "denied", UNKNOWN, env=WRONG),
    Situation("sql.cache_hit", "holds", PASS, {"above": 10}),
    Situation("sql.cache_hit", "fails", FAIL, {"above": 100}),
    Situation("sql.cache_hit", "unknown-few", UNKNOWN, {"above": 10, "blocks": 10**9}),
    Situation("sql.cache_hit", "missing", UNKNOWN, {"above": 10}, env=AWAY),
    Situation("sql.cache_hit", "denied", UNKNOWN, {"above": 10}, env=WRONG),
    Situation("sql.connections", "holds", PASS, {"below": 99}),
    Situation("sql.connections", "fails", FAIL, {"below": 0.1}),
    Situation("sql.connections", "missing", UNKNOWN, {"below": 99}, env=AWAY),
    Situation("sql.connections", "denied", UNKNOWN, {"below": 99}, env=WRONG),
]

SCHEMA = """
create role app login password 'app'; create role reader login password 'app';
create role stranger login password 'app'; create role blind login password 'app';
alter schema public owner to app; revoke all on schema public from public;
grant usage on schema public to reader, blind;
set role app;
create table listing (slug text, latitude real, longitude real);
create table extraction (id int primary key, source text, ok bool, at timestamptz);
create view a_view as select 1;
create index on listing (slug); create index on listing (latitude, longitude) include (slug);
create index on extraction (ok) where ok; create index on extraction (abs(id), at);
insert into listing values ('a', 1, 2), ('b', 1, 2), ('b', 3, null);
insert into extraction
select n, case when n % 2 = 0 then 'osm' else 'serper' end, n % 4 <> 0, now() from generate_series(1, 8) n;
grant select on all tables in schema public to reader;
select count(*) from extraction; reset role; select pg_stat_force_next_flush();
"""


@pytest.fixture(scope="module")
def urls(postgres: Any) -> dict[str, str]:
    admin = postgres.create("probed")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(SCHEMA)
        with pytest.raises(psycopg.Error):
            connection.execute("create unique index concurrently on extraction (source)")
    place = f"{postgres.host}:{postgres.port}/probed"
    roles = {role: f"postgresql://{role}:app@{place}" for role in ("app", "reader", "stranger", "blind")}
    return {
        **roles,
        "postgres": admin,
        "wrong": f"postgresql://app:no@{place}",
        "away": "postgresql://app:app@127.0.0.1:1/x",
    }


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, urls: dict[str, str], place: Path) -> None:
    (place / "system" / "sql").mkdir(parents=True, exist_ok=True)
    (place / "system" / "sql" / "rate.sql").write_text("select avg(ok::int) -- 75 %\nfrom extraction;\n")
    url = Secret(urls[situation.env.get("as", "app")])
    questions = asked(situation.made(), situation.scope(str(place)))
    answers: list[Answer | Unanswered] = []
    for question in questions:
        if isinstance(question, Shell):
            answers.append(ask_shell(situation, question, place))
        elif isinstance(question, Sql):
            answers += channel.answer([question], url)
    check(situation, answers, place)


def judged(value: object, **parameters: Any) -> Status:
    return Value(sql="select 1", **parameters).judge(Rows((((value,),),))).status


def test_a_decimal_is_compared_as_it_is_written() -> None:
    assert judged(Decimal("0.85"), above=0.85) is FAIL
    assert judged(Decimal("0.85"), at_least=0.85) is PASS
    assert judged(0.85, above=0.85) is FAIL


def test_an_idle_database_has_no_cache_hit_ratio() -> None:
    assert CacheHit(above=0).judge(Rows((((None, None),),))).status is UNKNOWN


def test_too_few_samples_are_unknown_whatever_the_value() -> None:
    probe = Value.model_validate({**RATE, "above": 0.5})
    for count, value in ((4, 0.1), (4, 0.9), (None, 0.9)):
        assert probe.judge(Rows((((value,),), ((count,),)))).status is UNKNOWN
    assert probe.judge(Rows((((0.9,),), ()))).status is UNKNOWN


def test_each_label_is_in_the_evidence_and_a_null_is_unknown() -> None:
    probe = Value.model_validate({**EACH, "above": 0.5})
    verdict = probe.judge(Rows(((("osm", None, 0), ("serper", Decimal("0.9"), 7)),), (("source", "rate", "n"),)))
    assert verdict.status is UNKNOWN
    assert [line.split() for line in verdict.evidence.splitlines()] == [
        ["source", "rate", "n", "judged"],
        ["osm", "NULL", "0", "unknown"],
        ["serper", "0.9", "7", "pass"],
    ]


@pytest.mark.parametrize(
    "given", [{}, {**RATE}, {**RATE, "above": 1, "each": True}, {**EACH, "above": 1, "samples": RATE["samples"]}]
)
def test_parameters_that_could_not_judge_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Value.model_validate({"sql": "select 1", **given} if given.get("each") is None else given)


def test_sql_about_an_unknown_span_is_not_asked_and_unknown() -> None:
    for text in ("select count(*) from t where at > :since", "select count(*) from t where load = :load_id"):
        for probe in (Value(sql=text, equals=0), NoRows(sql=text)):
            assert probe.ask(Scope()) == ()
            assert probe.judge().status is UNKNOWN
    known = "select coalesce(:since, now()), 'a'::text, 5 % 2;"
    assert Value(sql=known, equals=0).question(Scope(), known) == Sql("app", (known[:-1],), Scope().sql_params)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"/srv/sql/gone\.sql"):
        statement("gone.sql", Scope({"system": "/srv"}))


def test_a_file_may_include_another_as_for_psql(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql/costs.sql").write_text("with costs as (select 1 as gbp)\n")
    (tmp_path / "sql/sum.sql").write_text("-- the sum\n\\ir costs.sql\nselect sum(gbp) from costs;\n")
    (tmp_path / "sql/lost.sql").write_text("\\ir gone.sql\nselect 1")
    scope = Scope({"system": str(tmp_path)})
    assert statement("sum.sql", scope) == "-- the sum\nwith costs as (select 1 as gbp)\nselect sum(gbp) from costs"
    with pytest.raises(ConfigError, match=r"sql/gone\.sql"):
        statement("lost.sql", scope)


def test_an_answer_that_is_too_slow_fails() -> None:
    assert Connect(within=1).judge(Rows((((180003, "18.3"),),), took=1.5)).status is FAIL


def test_no_rows_that_should_not_be_there() -> None:
    assert NoRows(sql="x").judge(Rows(((),))).status is PASS


def test_a_valid_index_beside_an_invalid_one_will_do() -> None:
    sets: Any = (((["public"],),), (("t", True),), ((True, ["a"], "good"), (False, ["a"], "bad")))
    assert Indexes(table="t", columns=(("a",),)).judge(Rows(sets)).status is PASS
