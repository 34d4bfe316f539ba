"""An environment with its channels open: the only object that touches the outside."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from deploy.channels import change, files, shell, urls
from deploy.channels.shell import Surroundings
from deploy.channels.transport import Payload, Transport
from deploy.command import Command, Completed, Request, Run, Script, Statement
from deploy.endpoints import Airflow as AirflowApi
from deploy.endpoints import Database
from deploy.endpoints import Docker as DockerEngine
from deploy.errors import ConfigError, Unreachable, nearest
from deploy.question import Airflow, Answer, Docker, Question, Redis, Shell, Sql, Unanswered
from deploy.reach import Reach
from deploy.secret import Secret
from deploy.system import Environment

if TYPE_CHECKING:
    import psycopg

Asked = tuple[str, Question]
T = TypeVar("T")


class Site:
    """Reads by questions, for probes; changes by commands, for steps.

    `redirected` sends questions and connections about a database to another one of the same server, by name: the
    scratch database of a rehearsal. `only` are the hosts that are meant where a role has more. The libraries of
    databases and HTTP are loaded when they are first needed.
    """

    def __init__(
        self,
        environment: Environment,
        redirected: Mapping[str, str] | None = None,
        *,
        only: Sequence[str] = (),
        reach: Reach | None = None,
    ) -> None:
        self.environment, self.only = environment, tuple(only)
        self.redirected = dict(redirected or {})
        self.reach = reach or Reach(environment)

    def redirect(self, database: str, dbname: str) -> Site:
        """The same site, with `database` meaning `dbname`."""
        return Site(self.environment, {**self.redirected, database: dbname}, only=self.only, reach=self.reach)

    def at(self, *hosts: str) -> Site:
        """The same site, seen from some of its hosts: what goes to a role goes to those of them that it has."""
        return Site(self.environment, self.redirected, only=hosts, reach=self.reach)

    def hosts(self, role: str) -> list[str]:
        """The hosts of a role, this machine when the environment names none; of those, the ones that are meant."""
        hosts = self.reach.hosts(role)
        return [host for host in hosts if host in self.only] or hosts

    def first(self, role: str) -> str:
        """The host of a role that one-time work is done on; ConfigError when all of them were left out."""
        hosts = self.hosts(role)
        if not hosts:
            raise ConfigError(f"no host of the role {role!r} is left", where="--limit", fix="Choose at least one.")
        return hosts[0]

    def answer(self, asked: Sequence[Asked]) -> list[Answer | Unanswered]:
        """Answers in the order of the questions, each with the host it is for; one batch for each host and channel.

        Batches run at the same time. Equal questions to one target are asked once. ConfigError for a database, cache
        or host that the environment does not have.
        """
        batches: dict[Hashable, _Batch] = {}
        places = []
        for host, question in asked:
            batch = batches.setdefault(_target(host, question), _Batch(host))
            places.append((batch, batch.place(question)))
        if not batches:
            return []
        asking = [self._channel(batch) for batch in batches.values()]
        with ThreadPoolExecutor(len(asking)) as pool:
            for batch, answers in zip(batches.values(), pool.map(_asked, batches.values(), asking), strict=True):
                batch.answers = answers
        return [batch.answers[place] for batch, place in places]

    def _channel(self, batch: _Batch) -> Callable[[], Sequence[Answer | Unanswered]]:
        """What asks a batch; whatever the configuration lacks is found here, before anything is asked."""
        questions: Any = batch.questions
        first = questions[0]
        if isinstance(first, Shell):
            transport, surroundings = self.reach.transport(batch.host), self._surroundings(questions)
            return lambda: shell.answer(questions, transport, surroundings)
        if isinstance(first, Sql):
            self._database(first.database)
            return lambda: _answer_sql(questions, self._reached(first.database))
        if isinstance(first, Redis):
            cache = _known(self.environment.caches, first.cache, "cache")
            return lambda: _answer_redis(questions, self.reach.url(cache.url, cache.via))
        if isinstance(first, Docker):
            engine = self._docker()
            return lambda: _answer_docker(questions, engine, self.reach.socket(engine))
        if isinstance(first, Airflow):
            api = self._airflow()
            return lambda: _answer_airflow(questions, api, self.reach.address(api), self.execute)
        from deploy.channels import http

        return lambda: http.answer(questions)

    def _surroundings(self, questions: Sequence[Shell]) -> Surroundings:
        if not any(question.app for question in questions):
            return Surroundings(self.environment.path)
        return Surroundings(self.environment.path, self.environment.env, self.app_secrets())

    def execute(self, command: Command, on_line: Callable[[str], None] | None = None) -> Completed:
        """Run one command; `on_line` gets each line of its standard output and error as it comes.

        Raises CommandFailed for an exit that is not among its legal ones (`exits`) and for a timeout. PATH starts with
        the environment's `path`. Secrets of the environment are given only to commands that carry them.
        """
        if isinstance(command, Statement):
            from deploy.channels import postgres

            return postgres.execute(command, self._reached(command.database, admin=command.admin), on_line)
        if isinstance(command, Request):
            from deploy.channels import airflow

            api = self._airflow()
            return airflow.execute(command, api, self.reach.address(api), self.execute)
        transport = self.reach.changing(self.first(command.on))
        return change.execute(command, transport, self.environment.path, on_line)

    def send(self, command: Script, payload: Payload, on_line: Callable[[str], None] | None = None) -> Completed:
        """Run one script with a payload on its standard input; otherwise as `execute`. It leaves nothing running."""
        transport = self.reach.changing(self.first(command.on))
        return change.execute(command, transport, self.environment.path, on_line, payload)

    def _control(self) -> Transport:
        return self.reach.transport(self.reach.control)

    def read(self, path: str) -> str | None:
        """A small text file of the control host; None when there is none. CommandFailed when one cannot tell."""
        return files.read(path, self._control())

    def write(self, path: str, text: str, mode: int = 0o600) -> None:
        """Replace a small text file of the control host atomically, fsynced, parents made (0700)."""
        files.write(path, text, mode, self.reach.changing(self.reach.control))

    def dbname(self, database: str) -> str:
        """The real name of a database of the system, redirection included."""
        return self.redirected.get(database) or urls.dbname(self._database(database).url)

    def url(self, database: str, *, admin: bool = False, dbname: str | None = None) -> Secret:
        """The URL of a database of the system; as admin where asked (ConfigError if there is no admin URL)."""
        known = self._database(database)
        if admin and not known.admin_url:
            raise ConfigError(
                f"the database {database} has no admin_url",
                where=f"environments.{self.environment.name}.databases.{database}",
                fix="Give the URL of a user who may create and rename databases.",
            )
        url = known.admin_url if admin and known.admin_url else known.url
        return urls.with_dbname(url, dbname or self.dbname(database))

    def _reached(self, database: str, *, admin: bool = False, dbname: str | None = None) -> Secret:
        """The URL by which this machine reaches a database: through a forwarded port where it is behind a host."""
        return self.reach.url(self.url(database, admin=admin, dbname=dbname), self._database(database).via)

    def _docker(self) -> DockerEngine:
        if self.environment.docker is None:
            raise ConfigError("the environment has no `docker:`", where=f"environments.{self.environment.name}")
        return self.environment.docker

    def _airflow(self) -> AirflowApi:
        if self.environment.airflow is None:
            raise ConfigError("the environment has no `airflow:`", where=f"environments.{self.environment.name}")
        return self.environment.airflow

    def _database(self, database: str) -> Database:
        return _known(self.environment.databases, database, "database")

    def connect(
        self, database: str, *, admin: bool = False, dbname: str | None = None, **options: Any
    ) -> psycopg.Connection[Any]:
        """A psycopg connection (autocommit, UTC), for steps. `dbname` names another database of the same server.

        Raises psycopg.OperationalError, which never holds the password.
        """
        from deploy.channels import postgres

        return postgres.connect(self._reached(database, admin=admin, dbname=dbname), **options)

    def libpq(
        self, database: str, *, admin: bool = False, dbname: str | None = None
    ) -> tuple[dict[str, str], dict[str, Secret]]:
        """`env` and `secrets` for commands like pg_dump: PGHOST, PGPORT, PGUSER, PGDATABASE; PGPASSWORD."""
        return urls.variables(self.url(database, admin=admin, dbname=dbname))

    def app_secrets(self) -> dict[str, Secret]:
        """What the application's own processes get: the environment's `secrets`, and `DATABASE_URL` of `app`."""
        database = {"DATABASE_URL": self.url("app")} if "app" in self.environment.databases else {}
        return {**self.environment.secrets, **database}


class _Batch:
    """The different questions for one target, and their answers."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.questions: list[Question] = []
        self.answers: list[Answer | Unanswered] = []

    def place(self, question: Question) -> int:
        """Where this question stands; an equal one is not asked twice."""
        if question not in self.questions:  # by equality: their mappings cannot be hashed
            self.questions.append(question)
        return self.questions.index(question)


def _asked(batch: _Batch, ask: Callable[[], Sequence[Answer | Unanswered]]) -> list[Answer | Unanswered]:
    """The answers to a batch; when the host that leads there cannot be reached, none of its questions has one."""
    try:
        return list(ask())
    except Unreachable as error:
        return [Unanswered(error.why, error.fix)] * len(batch.questions)


def _target(host: str, question: Question) -> Hashable:
    """Who is asked. Databases, caches and addresses are the same from every host."""
    if isinstance(question, Shell):
        return "shell", host
    if isinstance(question, Sql):
        return "sql", question.database
    if isinstance(question, Redis):
        return "redis", question.cache
    return type(question).__name__


def _answer_sql(questions: Sequence[Sql], url: Secret) -> list[Answer | Unanswered]:
    from deploy.channels import postgres  # in the batch's own thread: loading it takes longer than most shells need

    return [*postgres.answer(questions, url)]


def _answer_redis(questions: Sequence[Redis], url: Secret) -> list[Answer | Unanswered]:
    from deploy.channels import redis

    return [*redis.answer(questions, url)]


def _answer_docker(questions: Sequence[Docker], engine: DockerEngine, socket: str) -> list[Answer | Unanswered]:
    from deploy.channels import docker

    return [*docker.answer(questions, engine, socket)]


def _answer_airflow(
    questions: Sequence[Airflow], api: AirflowApi, url: str, run: Callable[[Run], Completed]
) -> list[Answer | Unanswered]:
    """`run` executes Airflow's command line, where the API does not answer."""
    from deploy.channels import airflow

    return [*airflow.answer(questions, api, url, run)]


def _known(have: Mapping[str, T], name: str, kind: str) -> T:
    if name not in have:
        raise ConfigError(f"the environment has no {kind} {name!r}", fix=nearest(name, have) if have else "")
    return have[name]
