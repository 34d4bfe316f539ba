"""Short words for what the tests ask of hosts."""

from __future__ import annotations

from deploy.channels import shell
from deploy.channels.shell import Surroundings
from deploy.channels.transport import Transport
from deploy.question import Output, Shell, Unanswered


def ask(transport: Transport, *questions: Shell | str) -> list[Output | Unanswered]:
    whole = [Shell(one) if isinstance(one, str) else one for one in questions]
    return shell.answer(whole, transport, Surroundings())


def said(answer: Output | Unanswered) -> str:
    assert isinstance(answer, Output), answer
    return answer.out


def why(answer: Output | Unanswered) -> str:
    assert isinstance(answer, Unanswered), answer
    return answer.why
