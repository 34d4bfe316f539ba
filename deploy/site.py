"""An environment with its channels open: the only object that touches the outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deploy.command import Command, Completed
from deploy.question import Answer, Question, Unanswered
from deploy.secret import Secret
from deploy.system import Environment

if TYPE_CHECKING:
    import psycopg

Asked = tuple[str, Question]


class Site:
    """Reads by questions, for probes; changes by commands, for steps.

    `redirected` sends questions and connections about a database to another one of the same server, by name: the
    scratch database of a rehearsal.
    """

    def __init__(self, environment: Environment, redirected: Mapping[str, str] | None = None) -> None:
        self.environment = environment
        self.redirected = dict(redirected or {})

    def redirect(self, database: str, dbname: str) -> Site:
        """The same site, with `database` meaning `dbname`."""
        return Site(self.environment, {**self.redirected, database: dbname})

    def hosts(self, role: str) -> list[str]:
        """The hosts of a role; this machine when the environment names none."""
        raise NotImplementedError

    def answer(self, asked: Sequence[Asked]) -> list[Answer | Unanswered]:
        """Answers in the order of the questions, each with the host it is for; one batch for each host and channel."""
        raise NotImplementedError

    def execute(self, command: Command, on_line: Callable[[str], None] | None = None) -> Completed:
        """Run one command; `on_line` gets each line of its standard output and error as it comes.

        Raises CommandFailed for an exit that is not among its legal ones (`exits`) and for a timeout. PATH starts with
        the environment's `path`. Secrets of the environment are given only to commands that carry them.
        """
        raise NotImplementedError

    def read(self, path: str) -> str | None:
        """A small text file of the control host; None when there is none."""
        raise NotImplementedError

    def write(self, path: str, text: str, mode: int = 0o600) -> None:
        """Replace a small text file of the control host atomically, fsynced, parents made (0700)."""
        raise NotImplementedError

    def dbname(self, database: str) -> str:
        """The real name of a database of the system, redirection included."""
        raise NotImplementedError

    def url(self, database: str, *, admin: bool = False, dbname: str | None = None) -> Secret:
        """The URL of a database of the system; as admin where asked (ConfigError if there is no admin URL)."""
        raise NotImplementedError

    def connect(
        self, database: str, *, admin: bool = False, dbname: str | None = None, **options: Any
    ) -> psycopg.Connection[Any]:
        """A psycopg connection (autocommit), for steps. `dbname` names another database of the same server."""
        raise NotImplementedError

    def libpq(
        self, database: str, *, admin: bool = False, dbname: str | None = None
    ) -> tuple[dict[str, str], dict[str, Secret]]:
        """`env` and `secrets` for commands like pg_dump: PGHOST, PGPORT, PGUSER, PGDATABASE; PGPASSWORD."""
        raise NotImplementedError

    def app_secrets(self) -> dict[str, Secret]:
        """What the application's own processes get: the environment's `secrets`, and `DATABASE_URL` of `app`."""
        raise NotImplementedError
