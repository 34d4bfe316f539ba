"""Where an environment's databases, caches, Engine, Airflow and hosts answer, and how they are reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

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
