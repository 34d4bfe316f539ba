"""PostgreSQL: all questions for a database over one read-only connection, and the statements of steps."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import ClientCursor, Connection, Cursor

from deploy.channels.urls import for_libpq
from deploy.command import Completed, Statement
from deploy.errors import CommandFailed
from deploy.question import Rows, Sql, Unanswered
from deploy.secret import Secret, mask

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it warns of reaches people as an error
CONNECT_TIMEOUT = 5
READS = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:select|with|values|table|show|explain)\b", re.IGNORECASE | re.DOTALL
)
# Literals, quoted names and comments are passed over; so are casts. What is left may be a parameter.
TOKENS = re.compile(
    r"""(?P<skip>
          (?:\b[eE])'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
        | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
        | --[^\n]* | /\*.*?\*/ | :: | :=
      ) | :(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)


def bind(sql: str, params: Mapping[str, object]) -> tuple[str, dict[str, object] | None]:
    """The statement with each `:name` of a known parameter as psycopg writes it, and the parameters it uses.

    Literals, comments and `::casts` stay as they are; a name that nobody gave stays too, and PostgreSQL complains.
    None instead of parameters means that the statement is to be sent untouched.
    """
    used: dict[str, object] = {}
    pieces, end = [], 0
    for found in TOKENS.finditer(sql):
        name = found["name"]
        if name is None or name not in params:
            continue
        used[name] = params[name]
        pieces += [sql[end : found.start()].replace("%", "%%"), f"%({name})s"]
        end = found.end()
    return ("".join([*pieces, sql[end:].replace("%", "%%")]), used) if used else (sql, None)


def connect(url: Secret, *, read_only: bool = False, **options: Any) -> Connection[Any]:
    """An autocommit connection in UTC. Parameters are merged into statements by the client, as psql does it.

    So `:since is null` needs no cast, and a script of several statements may have parameters.
    """
    settings: dict[str, Any] = {
        "application_name": "pipeline-deploy",
        "connect_timeout": CONNECT_TIMEOUT,
        "autocommit": True,
        "cursor_factory": ClientCursor,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
    }
    connection = psycopg.connect(for_libpq(url).reveal(), **{**settings, **options})
    try:
        connection.execute("select set_config('timezone', 'UTC', false)")
        if read_only:
            connection.execute("select set_config('default_transaction_read_only', 'on', false)")
    except psycopg.Error:
        connection.close()
        raise
    return connection


def answer(questions: Sequence[Sql], url: Secret) -> list[Rows | Unanswered]:
    """The answers of one database, in the order of the questions.

    They travel together; those that a failing one took with it are asked again, each by itself.
    """
    answers: list[Rows | Unanswered | None] = [_refused(question) for question in questions]
    asked = [position for position, refused in enumerate(answers) if refused is None]
    try:
        for position, found in zip(asked, _ask_all([questions[position] for position in asked], url), strict=True):
            answers[position] = found
    except psycopg.Error as error:  # of connecting, for those of the questions are answers
        lost = _unanswered(error, 0.0)
        return [found or lost for found in answers]
    return [found or Unanswered("the server gave no result") for found in answers]


def _refused(question: Sql) -> Unanswered | None:
    for statement in question.statements:
        if not READS.match(statement):
            return Unanswered(
                "not a statement that reads", f"{statement.strip()[:200]}\nAsk with select, with or show."
            )
    return None


def _ask_all(questions: Sequence[Sql], url: Secret) -> Iterator[Rows | Unanswered]:
    connection = connect(url, read_only=True)
    try:
        together, error = _ask(connection, questions)
        if isinstance(error, psycopg.errors.QueryCanceled) and None in together:
            late = together.index(None)  # it has had its time, and need not have it once more
            together[late] = _unanswered(error, questions[late].timeout, questions[late].timeout)
        for question, found in zip(questions, together, strict=True):
            if found is None and not _usable(connection):
                connection.close()
                connection = connect(url, read_only=True)
            yield found or _alone(connection, question)
    finally:
        connection.close()


def _usable(connection: Connection[Any]) -> bool:
    return connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def _alone(connection: Connection[Any], question: Sql) -> Rows | Unanswered:
    started = time.monotonic()
    (found,), error = _ask(connection, [question])
    return found or _unanswered(error, time.monotonic() - started, question.timeout)


def _ask(
    connection: Connection[Any], questions: Sequence[Sql]
) -> tuple[list[Rows | Unanswered | None], psycopg.Error | None]:
    """Send all of the questions at once: an answer for each that came through, and what stopped the others.

    They are one transaction, read-only and rolled back, for a few functions write in spite of the first. The seconds
    are those of the whole trip.
    """
    started, sent, failure = time.monotonic(), [], None
    try:
        with connection.pipeline(), connection.transaction(force_rollback=True):
            for question in questions:
                sent.append(_send(connection, question))
    except psycopg.Error as error:
        failure = error
    took = time.monotonic() - started
    answers = [_rows(cursors, took) for cursors in sent]
    return [*answers, *[None] * (len(questions) - len(answers))], failure


def _send(connection: Connection[Any], question: Sql) -> list[Cursor[Any]]:
    """Send one question; what it sets (a search_path, say) is taken back before the next."""
    limit = f"{question.timeout * 1000:.0f}"
    connection.execute("savepoint question")
    connection.execute("select set_config('statement_timeout', %s, true)", (limit,))
    cursors = [connection.execute(*bind(statement, question.params)) for statement in question.statements]
    connection.execute("rollback to savepoint question")
    return cursors


def _rows(cursors: Sequence[Cursor[Any]], took: float) -> Rows | None:
    if any(cursor.pgresult is None for cursor in cursors):
        return None
    sets = tuple(tuple(cursor.fetchall()) if cursor.description else () for cursor in cursors)
    columns = tuple(tuple(column.name for column in cursor.description or ()) for cursor in cursors)
    return Rows(sets, columns, took)


def _unanswered(error: psycopg.Error | None, took: float, timeout: float = 0.0) -> Unanswered:
    """Why, in PostgreSQL's words and with its SQLSTATE; no password is in either."""
    if isinstance(error, psycopg.errors.QueryCanceled) and timeout:
        return Unanswered(f"timed out after {timeout:g} s", describe(error), took)
    text = describe(error)
    return Unanswered(text.splitlines()[0], text, took)


def describe(error: psycopg.Error | None) -> str:
    """An error as text for people: what the server said, its hint, and the SQLSTATE."""
    text = mask(str(error).strip()) or type(error).__name__
    state = f" (SQLSTATE {error.sqlstate})" if error and error.sqlstate else ""
    first, _, rest = text.partition("\n")
    return f"{first}{state}" + (f"\n{rest}" if rest else "")


def execute(statement: Statement, url: Secret, on_line: Callable[[str], None] | None = None) -> Completed:
    """Run a statement, or a script of them, in autocommit; `out` has the last rows, by tabs, and `err` the notices.

    PostgreSQL makes one transaction of a script of several statements. Raises CommandFailed.
    """
    started, notices = time.monotonic(), list[str]()
    limit = f"{statement.timeout * 1000:.0f}"
    name = f"SQL on {statement.database}: {statement.note or ' '.join(statement.sql.split())[:120]}"
    try:
        with connect(url) as connection:
            connection.add_notice_handler(lambda notice: _tell(notice.message_primary or "", notices, on_line))
            connection.execute("select set_config('statement_timeout', %s, false)", (limit,))
            cursor = connection.execute(*bind(statement.sql, statement.params))
            out = _text(cursor)
    except psycopg.errors.QueryCanceled as error:
        raise CommandFailed(mask(name), None, describe(error)) from None
    except psycopg.Error as error:
        raise CommandFailed(mask(name), 1, describe(error)) from None
    return Completed(0, out, "\n".join(notices), time.monotonic() - started)


def _tell(text: str, notices: list[str], on_line: Callable[[str], None] | None) -> None:
    notices.append(text)
    if on_line:
        on_line(mask(text))


def _text(cursor: Cursor[Any]) -> str:
    while cursor.nextset():
        pass
    if not cursor.description:
        return ""
    return "".join("\t".join("" if value is None else str(value) for value in row) + "\n" for row in cursor)
