"""The same questions as the reader of a checklist would type them: one process for each, in a shell that is open."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from psycopg.sql import Literal

from deploy.channels.postgres import bind
from deploy.channels.transport import local_environment
from deploy.question import Answer, Output, Question, Rows, Shell, Sql, Unanswered
from deploy.secret import Secret
from deploy.site import Site
from scripts.benchmark.place import Broken, timed


def lines(question: Question, site: Site) -> str:
    """One question as a command line: a fresh `sh -c`, or a fresh `psql` with the parameters written out."""
    if isinstance(question, Shell):
        given = {**site.environment.env, **_revealed(site.app_secrets())} if question.app else {}
        return f"{assigned(given)}sh -c {shlex.quote(question.script)}"
    if isinstance(question, Sql):
        env, secrets = site.libpq(question.database)
        given = {**env, **_revealed(secrets), "PGTZ": "UTC"}
        asked = " ".join(f"-c {shlex.quote(written(sql, question))}" for sql in question.statements)
        return f"{assigned(given)}psql -XAtq -v ON_ERROR_STOP=1 {asked}"
    raise Broken(f"nobody types a {type(question).__name__} question")


def written(statement: str, question: Sql) -> str:
    """A statement with its parameters as literals, as a person has to write them."""
    text, params = bind(statement, question.params)
    if params is None:
        return text
    return text % {name: Literal(value).as_string(None) for name, value in params.items()}


def _revealed(secrets: Mapping[str, Secret]) -> dict[str, str]:
    return {name: secret.reveal() for name, secret in secrets.items()}


def assigned(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items())


def script(questions: Sequence[Question], site: Site, folder: Path) -> str:
    """All questions one after the other; output and exit of each go to files, as they would go to the screen."""
    return typed([lines(question, site) for question in questions], site, folder)


def typed(lines: Sequence[str], site: Site, folder: Path) -> str:
    """The same for command lines."""
    path = f'PATH={shlex.quote(":".join(site.environment.path))}:"$PATH"\nexport PATH\n'
    names = [shlex.quote(f"{folder}/{number}") for number in range(len(lines))]
    asked = [
        f"{{ {line}\n}} >{name}.out 2>{name}.err </dev/null\necho $? >{name}\n"
        for name, line in zip(names, lines, strict=True)
    ]
    return path + "".join(asked)


def run(script: str) -> float:
    """The seconds for all of them. The script travels by standard input, for it holds passwords."""
    home = Path.home()
    cwd = home if home.is_dir() else Path("/")
    return timed(["sh"], local_environment(os.environ), given=f"{{\n{script}exit 0\n}}\n", cwd=cwd)


def answers(questions: Sequence[Question], folder: Path) -> Iterator[tuple[int, str]]:
    """Exit and output of each question, from the files."""
    for number in range(len(questions)):
        yield int((folder / f"{number}").read_text()), (folder / f"{number}.out").read_text(errors="replace")


def as_typed(answer: Answer | Unanswered) -> tuple[int, str]:
    """One of our answers in the form in which the typed command gives it."""
    if isinstance(answer, Output):
        return answer.exit, answer.out
    if isinstance(answer, Rows):
        return 0, "".join("|".join(map(cell, row)) + "\n" for rows in answer.sets for row in rows)
    raise Broken(f"a question was not answered: {answer}")


def cell(value: object) -> str:
    """A value as psql prints it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, Decimal):
        return f"{value:f}"  # 0.000, where Python says 0E-3
    return str(value)
