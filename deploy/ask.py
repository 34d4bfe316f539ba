"""Ask the probes of many items at once, and have each probe judge its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from deploy.checklists.item import Item
from deploy.checklists.signoff import awaiting
from deploy.errors import ConfigError
from deploy.question import Answer, Data, Question, Shell, Unanswered
from deploy.reach import HERE
from deploy.result import Result, Status, Verdict, unknown
from deploy.scope import Scope
from deploy.secret import mask
from deploy.site import Site

NOWHERE = ""  # where an item is asked whose hosts were left out on request
ANSWERED = "an answer that can be judged"


@dataclass(frozen=True)
class Inquiry:
    """One item at one host, with what its probe wants to know there."""

    item: Item
    host: str
    questions: tuple[Question, ...] = ()
    asked_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def ask(items: Sequence[Item], site: Site, scope: Scope, say: Callable[[str], None] | None = None) -> list[Result]:
    """A result for each item, in their order; for each host of its role where the probe asks a host's shell.

    All questions travel together. An item for other environments is skipped, a sign-off is pending, and what could not
    be answered or judged is unknown. `say` is told how much is asked. Raises ConfigError for no items at all, for a
    `{name}` that nobody gave, and for a host, database or cache that the environment lacks.
    """
    if not items:
        raise ConfigError("there is nothing to check", fix="Choose a phase or a window that has items.")
    inquiries = [inquiry for item in items for inquiry in _inquiries(item, site, scope)]
    asked = [(inquiry.host, question) for inquiry in inquiries for question in inquiry.questions]
    if say and asked:
        say(f"{len(items)} items, {len(asked)} questions")
    answers = iter(site.answer(asked))
    return [_result(inquiry, [next(answers) for _ in inquiry.questions], site) for inquiry in inquiries]


def _inquiries(item: Item, site: Site, scope: Scope) -> Iterator[Inquiry]:
    if item.probe is None or not _applies(item, site):
        yield Inquiry(item, "")
        return
    asked = _filled(item, scope)
    questions = asked if isinstance(asked, tuple) else (asked,)
    for host in _hosts(item, questions, site):
        yield Inquiry(item, host, questions if host else ())


def _filled(item: Item, scope: Scope) -> Question | tuple[Question, ...]:
    assert item.probe is not None
    try:
        return item.probe.ask(scope)
    except ConfigError as error:
        raise ConfigError(f"item {item.id}: {error.message}", where=error.where, fix=error.fix) from error


def _hosts(item: Item, questions: Sequence[Question], site: Site) -> list[str]:
    """Each host of the role, for a shell; a database or an address is the same seen from anywhere: once."""
    if not any(isinstance(question, Shell) for question in questions):
        return (site.hosts(item.on) or [HERE])[:1]
    return site.hosts(item.on) or [NOWHERE]


def _applies(item: Item, site: Site) -> bool:
    return not item.only or site.environment.name in item.only


def _result(inquiry: Inquiry, answers: Sequence[Answer | Unanswered], site: Site) -> Result:
    item = inquiry.item
    if not _applies(item, site):
        return _made(inquiry, Verdict(Status.SKIPPED, "", f"only in {', '.join(item.only)}"), 0.0)
    if item.probe is None:
        return awaiting(item)
    if inquiry.host == NOWHERE:
        return _made(inquiry, Verdict(Status.SKIPPED, "", f"the hosts of the role {item.on} were left out"), 0.0)
    result = _made(inquiry, _verdict(item, answers), sum(answer.took for answer in answers))
    return awaiting(item, result) if item.signoff else result


def _verdict(item: Item, answers: Sequence[Answer | Unanswered]) -> Verdict:
    for answer in answers:
        if isinstance(answer, Unanswered):
            return unknown(ANSWERED, answer.why, answer.evidence)
    assert item.probe is not None
    try:
        return _noted(item.probe.judge(*answers), answers)
    except Exception as error:  # noqa: BLE001 - a probe surprised by an answer has seen neither a pass nor a fail
        return unknown(
            ANSWERED, f"the probe cannot judge this answer: {type(error).__name__}: {error}", _shown(answers)
        )


def _noted(verdict: Verdict, answers: Sequence[Answer | Unanswered]) -> Verdict:
    """The verdict, whose evidence also tells of an unusual way by which answers came."""
    notes = dict.fromkeys(answer.note for answer in answers if isinstance(answer, Data) and answer.note)
    return replace(verdict, evidence="\n".join([*filter(None, [verdict.evidence]), *notes]))


def _shown(answers: Sequence[Answer | Unanswered]) -> str:
    return "\n".join(repr(answer)[:500] for answer in answers)


def _made(inquiry: Inquiry, verdict: Verdict, took: float) -> Result:
    item = inquiry.item
    result = Result(item.id, item.title, item.phase, item.severity, verdict.status, took=took)
    return replace(
        result,
        expected=mask(verdict.expected),
        found=mask(verdict.found),
        evidence=mask(verdict.evidence),
        action=item.action,
        host=inquiry.host,
        due=item.due,
        asked_at=inquiry.asked_at,
    )
