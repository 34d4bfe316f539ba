"""From items to results: what is asked where, and that only what was seen can pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from deploy.ask import ask
from deploy.checklists.item import Item
from deploy.errors import ConfigError
from deploy.probes.airflow import Dag
from deploy.probes.base import Probe
from deploy.question import Data, Http, Output, Question, Shell, Sql, Unanswered
from deploy.result import Result, Severity, Status, Verdict, judged, passed
from deploy.scope import Scope
from deploy.secret import Secret
from deploy.site import Asked, Site
from deploy.system import Environment

SCOPE = Scope(names={"root": "/srv/app"})


class Says(Probe):
    """Passes when the script says yes. Not registered: it has no name."""

    script: str = "echo yes"

    def ask(self, scope: Scope) -> Question:
        return Shell(scope.fill(self.script))

    def judge(self, *answers: Any) -> Verdict:
        (output,) = answers
        return judged(output.out == "yes\n", "yes", output.out.strip(), output.err)


class Database(Probe):
    """Asks a database and an address, no shell."""

    def ask(self, scope: Scope) -> tuple[Question, ...]:
        return Sql("app", ("select 1",)), Http("http://x")

    def judge(self, *answers: Any) -> Verdict:
        return passed("both", " and ".join(answer.out.strip() for answer in answers))


class Breaks(Probe):
    """Expects an answer of another shape."""

    def ask(self, scope: Scope) -> Question:
        return Shell("echo canary-of-the-answer")

    def judge(self, *answers: Any) -> Verdict:
        return passed("", answers[0].rows[0])


class Told(Site):
    """A site that answers from a script: nothing is run."""

    def __init__(self, reply: Callable[[str, Question], Any], **settings: Any) -> None:
        described = {"name": "prod", "root": "/srv", "repository": "/r", **settings}
        super().__init__(Environment.model_validate(described))
        self.reply, self.trips = reply, list[list[Asked]]()

    def hosts(self, role: str) -> list[str]:
        return list(self.environment.hosts.get(role, ("localhost",)))

    def answer(self, asked: Sequence[Asked]) -> list[Any]:
        self.trips.append(list(asked))
        return [self.reply(host, question) for host, question in asked]


def item(probe: Probe | None, id: str = "item", **fields: Any) -> Item:
    return Item(id, f"Title of {id}", "prereqs", "Section", fields.pop("severity", Severity.CRITICAL), probe, **fields)


def run(script: str) -> Output:
    """What a host would say to `echo …`."""
    return Output(0, script.removeprefix("echo ") + "\n", took=0.25)


def told(**settings: Any) -> Told:
    return Told(
        lambda _, question: run(question.script) if isinstance(question, Shell) else run("echo row"), **settings
    )


def one(probe: Probe | None, site: Site, **fields: Any) -> Result:
    (result,) = ask([item(probe, **fields)], site, SCOPE)
    return result


def test_all_questions_of_all_items_make_one_trip() -> None:
    site = told()
    results = ask([item(Says(), "a"), item(Database(), "b"), item(Says(script="echo no"), "c")], site, SCOPE)
    assert [(result.item, result.status) for result in results] == [("a", "pass"), ("b", "pass"), ("c", "fail")]
    assert [len(trip) for trip in site.trips] == [4]
    assert results[1].found == "row and row"


def test_a_result_carries_its_item() -> None:
    result = one(Says(), told(), severity=Severity.WARNING, due="1h", action="Do it.")
    assert (result.title, result.phase, result.severity) == ("Title of item", "prereqs", Severity.WARNING)
    assert (result.due, result.action, result.host) == ("1h", "Do it.", "localhost")
    assert result.took == 0.25 and result.asked_at.tzinfo is not None


def test_a_shell_is_asked_at_each_host_of_the_role_and_a_database_once() -> None:
    site = told(hosts={"app": ("one", "two"), "db": ("three",)})
    results = ask([item(Says(), "a"), item(Database(), "b"), item(Says(), "c", on="db")], site, SCOPE)
    assert [(result.item, result.host) for result in results] == [
        ("a", "one"),
        ("a", "two"),
        ("b", "one"),
        ("c", "three"),
    ]


def test_what_was_not_answered_is_unknown() -> None:
    site = Told(lambda *_: Unanswered("timed out after 10 s", "waiting", 10.0))
    result = one(Says(), site)
    assert (result.status, result.found, result.evidence) == (Status.UNKNOWN, "timed out after 10 s", "waiting")
    assert result.took == 10.0


def test_one_of_two_questions_without_an_answer_is_unknown() -> None:
    site = Told(lambda _, question: Unanswered("refused") if isinstance(question, Http) else run("echo row"))
    assert one(Database(), site).status is Status.UNKNOWN


def test_a_judge_that_raises_has_seen_nothing() -> None:
    result = one(Breaks(), told())
    assert result.status is Status.UNKNOWN
    assert "AttributeError: 'Output' object has no attribute 'rows'" in result.found
    assert "canary-of-the-answer" in result.evidence


def test_secrets_are_masked_in_whatever_a_result_says() -> None:
    Secret("canary-of-the-answer")
    assert "canary" not in repr(one(Breaks(), told()))
    site = Told(lambda *_: Unanswered("said canary-of-the-answer", "canary-of-the-answer"))
    assert "canary" not in repr(one(Says(), site))
    assert "canary" not in repr(one(Says(script="echo canary-of-the-answer"), told()))


def test_a_sign_off_is_pending_and_asks_nothing() -> None:
    site = told()
    result = one(None, site, note="The team lead signs.", due="24h")
    assert (result.status, result.due) == (Status.PENDING, "24h")
    assert site.trips == [[]]


def test_a_sign_off_with_evidence_is_never_a_pass_by_itself() -> None:
    assert one(Says(), told(), signoff=True).status is Status.PENDING
    assert one(Says(script="echo no"), told(), signoff=True).status is Status.FAIL


def test_an_item_for_other_environments_is_skipped_with_the_reason() -> None:
    site = told()
    result = one(Says(script="{nobody}"), site, only=("local", "staging"))
    assert (result.status, result.found) == (Status.SKIPPED, "only in local, staging")
    assert one(None, site, only=("local",)).status is Status.SKIPPED
    assert one(Says(), site, only=("prod",)).status is Status.PASS


def test_a_name_that_nobody_gave_is_an_error_that_names_the_item() -> None:
    with pytest.raises(ConfigError, match=r"item disk: nothing is called \{rot\}") as caught:
        ask([item(Says(script="ls {rot}"), "disk")], told(), SCOPE)
    assert caught.value.fix == "did you mean 'root'?"


def test_nothing_to_check_is_an_error() -> None:
    with pytest.raises(ConfigError, match="nothing to check"):
        ask([], told(), SCOPE)


def test_progress_is_told() -> None:
    lines: list[str] = []
    ask([item(Says(), "a"), item(Database(), "b")], told(), SCOPE, lines.append)
    assert lines == ["2 items, 3 questions"]


def test_for_real_on_this_machine() -> None:
    site = Site(Environment.model_validate({"name": "local", "root": "/srv", "repository": "/r"}))
    items = [item(Says(), "a"), item(Says(script="exit 5"), "b"), item(Says(script="echo {root}"), "c")]
    results = ask(items, site, SCOPE)
    assert [result.status for result in results] == [Status.PASS, Status.UNKNOWN, Status.FAIL]
    assert [result.found for result in results] == ["yes", "exited 5", "/srv/app"]


def test_an_unusual_way_of_an_answer_is_told_as_evidence() -> None:
    by_hand = Told(lambda *_: Data({"dag_id": "d", "is_paused": False}, note="by the command line: the API is away"))
    result = one(Dag(dag="d"), by_hand)
    assert (result.status, result.evidence) == ("pass", "by the command line: the API is away")
