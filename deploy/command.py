"""What a step will do, as data: `--dry` prints it as shell, a real run executes the same object."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.secret import Secret

OK = frozenset({0})
PARAMETER = re.compile(r"'(?:[^']|'')*'|(?<![:\w]):(?P<name>[a-z_]\w*)")


@dataclass(frozen=True)
class Run:
    """One process on a host.

    `secrets` become environment variables of the process and reach it over the shell's standard input, never argv.
    `exits` are the legal exit codes; `timeout` is in seconds; `note` is the comment printed above it in a plan.
    """

    argv: tuple[str, ...]
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    timeout: float = 600.0
    exits: frozenset[int] = OK
    on: str = "app"
    note: str = ""

    def shell(self) -> str:
        """A line to paste: secrets are named as variables, `cd` is in a subshell."""
        words = [f"{key}={shlex.quote(value)}" for key, value in sorted(self.env.items())]
        words += [f'{key}="${key}"' for key in sorted(self.secrets)]
        line = " ".join([*words, shlex.join(self.argv)])
        return f"(cd {shlex.quote(self.cwd)} && {line})" if self.cwd else line


@dataclass(frozen=True)
class Script:
    """A few lines of POSIX shell on a host, for what one argv cannot say (pipes, conditions); `set -eu` is implied."""

    text: str
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    timeout: float = 600.0
    exits: frozenset[int] = OK
    on: str = "app"
    note: str = ""

    def shell(self) -> str:
        exports = [f"export {key}={shlex.quote(value)}" for key, value in sorted(self.env.items())]
        lines = ["set -eu", *exports, *([f"cd {shlex.quote(self.cwd)}"] if self.cwd else []), self.text.strip()]
        return "(\n" + "\n".join(f"  {line}" for text in lines for line in text.splitlines()) + "\n)"


@dataclass(frozen=True)
class Statement:
    """One SQL statement, or one script of them, on a database of the system (`app`), as its `admin` where asked."""

    database: str
    sql: str
    params: Mapping[str, object] = field(default_factory=dict)
    admin: bool = False
    timeout: float = 600.0
    note: str = ""

    def shell(self) -> str:
        variable = f"{self.database.upper()}_{'ADMIN_' if self.admin else ''}URL"
        names = "".join(f" -v {key}={shlex.quote(str(value))}" for key, value in sorted(self.params.items()))
        sql = PARAMETER.sub(self._quoted, self.sql.strip())
        return f"psql \"${variable}\" -v ON_ERROR_STOP=1{names} <<'SQL'\n{sql}\nSQL"

    def _quoted(self, found: re.Match[str]) -> str:
        """psql quotes a value only where it is asked to: `:'name'`; literals are left as they are."""
        return f":'{found['name']}'" if found["name"] in self.params else found[0]


@dataclass(frozen=True)
class Request:
    """One request that changes something in Airflow, below the root of its REST API; `json` is its body."""

    method: str
    path: str
    json: Mapping[str, object] | None = None
    exits: frozenset[int] = frozenset({200, 201, 204})  # the legal HTTP statuses
    timeout: float = 30.0
    note: str = ""

    def shell(self) -> str:
        words = ["curl", "-fsS", "-X", self.method]
        if self.json is not None:
            words += ["-H", "Content-Type: application/json", "-d", json.dumps(self.json)]
        return f'{shlex.join(words)} -H "Authorization: Bearer $AIRFLOW_TOKEN" "$AIRFLOW_API/{self.path}"'


Command = Run | Script | Statement | Request


@dataclass(frozen=True)
class Completed:
    """How a command ended: its exit code, what it printed, and the seconds it took."""

    exit: int
    out: str
    err: str
    took: float


def paste(commands: list[Command]) -> str:
    """The commands as shell that can be pasted into a runbook, each under its note."""
    blocks = [(f"# {command.note}\n" if command.note else "") + command.shell() for command in commands]
    return "\n".join(blocks)
