from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.channels import postgres as channel
from deploy.probes.sqlite import Matches
from deploy.question import Answer, Shell, Sql, Unanswered
from deploy.result import Status
from deploy.secret import Secret

from .asking import FAIL, PASS, SKIPPED, UNKNOWN, Situation, ask_shell, asked, check

WANTED = {"tables": ["Listing", "Raw"], "unique": {"Listing": ["slug"]}}
GOOD = {**WANTED, "source": "{root}/good.db"}

SITUATIONS = [
    Situation("sqlite.matches", "holds", PASS, GOOD),
    Situation("sqlite.matches", "skipped", SKIPPED, WANTED),
    Situation("sqlite.matches", "fails", FAIL, {**GOOD, "source": "{root}/more.db"}),
    Situation("sqlite.matches", "fails-orphans", FAIL, {**GOOD, "source": "{root}/orphans.db"}),
    Situation("sqlite.matches", "fails-keys-and-duplicates", FAIL, GOOD, env={"as": "worse"}),
    Situation("sqlite.matches", "unknown-damaged", UNKNOWN, {**GOOD, "source": "{root}/damaged.db"}),
    Situation("sqlite.matches", "missing", UNKNOWN, {**GOOD, "python": "{root}/no/python"}),
    Situation("sqlite.matches", "missing-file", UNKNOWN, {**GOOD, "source": "{root}/none.db"}),
    Situation("sqlite.matches", "denied", UNKNOWN, {**GOOD, "source": "{root}/closed/good.db"}, as_nobody=True),
]
TABLES = """
create table "Raw" (id text primary key);
create table "Listing" (slug text, raw_id text {key});
insert into "Raw" values ('r1');
insert into "Listing" values ('a', 'r1'), ('{slug}', 'r1'), (null, 'r1'), (null, 'r1');
"""
KEY = 'references "Raw" (id)'


@pytest.fixture(scope="module")
def databases(postgres: Any, place: Path) -> dict[str, str]:
    changes = {"good": "", "more": "insert into Raw values ('r2')", "orphans": "update Listing set raw_id = 'gone'"}
    (place / "closed").mkdir()
    for path, change in {**changes, "closed/good": ""}.items():
        with sqlite3.connect(place / f"{path}.db") as source:
            source.executescript(TABLES.format(key=KEY, slug="b") + change)
        source.close()
    (place / "closed").chmod(0o700 if place.owner() == "root" else 0)
    (place / "damaged.db").write_bytes(b"SQLite format 3\0" + b"\1" * 5000)
    urls = {"good": postgres.create("moved"), "worse": postgres.create("moved_worse")}
    for name, text in (("good", TABLES.format(key=KEY, slug="b")), ("worse", TABLES.format(key="", slug="a"))):
        with psycopg.connect(urls[name], autocommit=True) as connection:
            connection.execute(text)
    return urls


@pytest.mark.live
@pytest.mark.parametrize("situation", SITUATIONS, ids=str)
def test_live(situation: Situation, databases: dict[str, str], place: Path) -> None:
    answers: list[Answer | Unanswered] = []
    for question in asked(situation.made(), situation.scope(str(place))):
        if isinstance(question, Shell):
            answers.append(ask_shell(situation, question, place))
        elif isinstance(question, Sql):
            answers += channel.answer([question], Secret(databases[situation.env.get("as", "good")]))
    check(situation, answers, place)


def test_no_source_asks_nothing_and_says_why() -> None:
    probe = Matches(tables=("a",))
    assert probe.ask(SITUATIONS[0].scope("/srv")) == ()
    assert probe.judge().status is Status.SKIPPED


def test_names_are_quoted() -> None:
    probe = Matches(source="/a.db", tables=('a"b',), unique={'a"b': ("c d",)})
    _, question = asked(probe, SITUATIONS[0].scope("/srv"))
    assert isinstance(question, Sql)
    assert question.statements[1] == 'select count(*) from "a""b"'
    assert '"c d"' in question.statements[2]
