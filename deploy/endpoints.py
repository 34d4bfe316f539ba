"""Where an environment's databases, caches, Engine, Airflow and hosts answer, how they are reached, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from deploy import duration
from deploy.errors import ConfigError
from deploy.result import Severity
from deploy.secret import Secret


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True)


def _secret(value: Any) -> Any:
    return Secret(value) if isinstance(value, str) else value


Hidden = Annotated[Secret, BeforeValidator(_secret)]


class Database(Frozen):
    """A database's URL as the application uses it, and as an administrator who may create and rename databases.

    `via` names the host (`app[0]`, or an address) behind which it is: reached through a forwarded port.
    """

    url: Hidden
    admin_url: Hidden | None = None
    via: str | None = None


class Cache(Frozen):
    url: Hidden
    via: str | None = None


class Docker(Frozen):
    """The Docker Engine of an environment, and the Compose project in it."""

    socket: str = "/var/run/docker.sock"  # of the host `via`; a URL like tcp://127.0.0.1:2375 where there is no socket
    via: str | None = None
    project: str
    files: tuple[str, ...] = ()  # Compose files of this environment alone, after those of the system; absolute paths


class Airflow(Frozen):
    """Airflow's API server, its user, and the command line that answers where the API does not."""

    url: str
    user: str
    password: Hidden
    via: str | None = None
    cli: tuple[str, ...] = ()  # argv before Airflow's own words, e.g. docker compose exec -T airflow-scheduler airflow
    env: Mapping[str, str] = {}  # what that command needs
    timeout: float = 60.0  # seconds for one call of the command line


class Ssh(Frozen):
    """How hosts are reached over SSH. Keys and agents only: there is no place for a password."""

    transport: Literal["fabric", "openssh"] = "fabric"
    connect_timeout: float = Field(10.0, gt=0)
    keepalive: int = Field(15, ge=0)  # seconds; 0: none
    retries: int = Field(2, ge=0)  # of connecting, never of a command
    known_hosts: str | None = None  # default: ~/.ssh/known_hosts
    config: str | None = None  # default: ~/.ssh/config
    identity: str | None = None  # a private key file; default: the agent's and ~/.ssh/id_*


def _span(value: Any) -> Any:
    try:
        return duration.parse(value) if isinstance(value, str) else value
    except ConfigError as error:
        raise ValueError("should be a span of time like 90m, 4h or 7d") from error


Span = Annotated[timedelta, BeforeValidator(_span)]


def _routes(value: Any) -> Any:
    """URLs as a list, or as one text with spaces between them, as an environment variable holds several."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError("should be Apprise URLs, as a list or separated by spaces")
    return tuple(Secret(url) for text in texts for url in text.split())


Routes = Annotated[tuple[Secret, ...], BeforeValidator(_routes)]
REMIND = {Severity.CRITICAL: timedelta(hours=4), Severity.WARNING: timedelta(days=1), Severity.INFO: timedelta(weeks=1)}


class Alerts(Frozen):
    """Who is told by the monitor, and how soon.

    `routes` are Apprise URLs by severity; a severity without any uses those of the next graver one. The monitor
    evaluates `every` so often; a change counts once it was seen in `after` evaluations in a row, or for as long as
    its item's `for` says. What still does not hold is told again after `remind`.
    """

    routes: Mapping[Severity, Routes] = {}
    every: Span = timedelta(minutes=5)
    after: int = Field(2, ge=1)
    remind: Mapping[Severity, Span] = {}

    def urls(self, severity: Severity) -> tuple[Secret, ...]:
        grave = list(Severity)
        graver = reversed(grave[: grave.index(severity) + 1])
        return next((urls for each in graver if (urls := self.routes.get(each))), ())

    def again(self, severity: Severity) -> timedelta:
        return self.remind.get(severity, REMIND[severity])
