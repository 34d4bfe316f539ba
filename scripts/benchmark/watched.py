"""Run `invoke` with a site that notes when something outside of it was at work: python -m scripts.benchmark.watched.

The spans go to a file, as JSON, when the command has ended. Only this process is watched: it is started for that.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
from invoke.main import program

from deploy import session
from deploy.command import Command, Completed, Run, Script, Statement
from deploy.question import Answer, Output, Question, Shell, Unanswered
from deploy.site import Asked, Site
from scripts.benchmark.spans import Span

CHECKS, OTHER = "questions of the checklist", "other commands"
TESTS = re.compile(r" -m pytest | - (dry-run|retry)\b")
# A command is known by what it says of itself; the first that fits counts.
COMMANDS = (
    ("dump", re.compile(r"\bpg_dump --format|^sha256 and size")),
    ("restore", re.compile(r"\bpg_restore --jobs")),
    ("pip", re.compile(r"^one virtual environment|^build: ")),
)
spans: list[Span] = []


def kind_of(command: Command) -> str:
    """What a step's command is at work on, of the kinds that count as work; else `other commands`."""
    if isinstance(command, Run | Script) and "LOAD_ID" in command.env:
        return "load"
    known = f"{command.note}\n{'' if isinstance(command, Statement) else command.shell()}"
    return next((kind for kind, pattern in COMMANDS if pattern.search(known)), OTHER)


@contextmanager
def noted(kind: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        spans.append(Span(kind, began, time.monotonic()))


class Watched(Site):
    """A site that notes how long commands and questions take."""

    def redirect(self, database: str, dbname: str) -> Site:
        return Watched(self.environment, {**self.redirected, database: dbname})

    def execute(self, command: Command, on_line: Callable[[str], None] | None = None) -> Completed:
        with noted(kind_of(command)):
            return super().execute(command, on_line)

    def answer(self, asked: Sequence[Asked]) -> list[Answer | Unanswered]:
        began = time.monotonic()
        with noted(CHECKS):
            answers = super().answer(asked)
        spans.extend(tests([question for _, question in asked], answers, began))
        return answers


def tests(questions: Sequence[Question], answers: Sequence[Answer | Unanswered], began: float) -> Iterator[Span]:
    """The test runs and dry runs among the questions of a host, which are asked one after the other."""
    told: set[int] = set()
    for question, answer in zip(questions, answers, strict=True):
        if not isinstance(question, Shell) or id(answer) in told:  # equal questions are asked once
            continue
        told.add(id(answer))
        if isinstance(answer, Output) and TESTS.search(question.script):
            yield Span("tests", began, began + answer.took)
        began += answer.took


class WatchedCursor(psycopg.ClientCursor[Any]):
    """Statements that compare content are work: they are what a receipt rests on."""

    def execute(self, query: Any, *args: Any, **options: Any) -> WatchedCursor:
        compares = isinstance(query, bytes) and b"hashtextextended" in query
        with noted("checksums" if compares else "statements"):
            return super().execute(query, *args, **options)


def main(out: str, *words: str) -> None:
    """Run the command as `invoke` does; it ends the process with its own exit code."""
    from deploy.channels import postgres

    try:
        # The one place where a site is made, and the one that chooses cursors.
        with patch.object(session, "Site", Watched), patch.object(postgres, "ClientCursor", WatchedCursor):
            program.run(["invoke", *words])
    finally:
        Path(out).write_text(json.dumps(spans))


if __name__ == "__main__":
    main(*sys.argv[1:])
