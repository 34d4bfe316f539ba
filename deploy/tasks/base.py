"""What every task shares: options, errors as exit codes, nothing secret in what is printed."""

from __future__ import annotations

import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task

from deploy.errors import ConfigError, DeployError
from deploy.secret import mask

if TYPE_CHECKING:
    from deploy.session import Session

Body = Callable[..., None]

HELP = {
    "system": "which system (default: DEPLOY_SYSTEM, else the only one that has the environment)",
    "env": "which environment (default: DEPLOY_ENV, else that of the only open deployment)",
    "ref": "branch, tag or commit (default: the environment's)",
    "window": "judge the items owed within this span after the deployment: 1h, 24h, 7d",
    "format": "text, json or junit",
    "output": "write to this file instead of the terminal",
    "signoffs": "YAML file with sign-offs: item, by, at, note",
    "yes": "ask nothing; refuse instead",
    "off_hours": "deploy outside the environment's hours",
    "auto_rollback": "roll back by itself when something fails after the first change",
    "database": "what happens to the database: auto, restore or keep",
    "to": "roll back to this release",
    "by": "who does this",
    "verify": "check the journals' hash chain",
    "path": "a file",
    "force": "do not ask",
    "hosts": "only these hosts of the environment, with commas",
    "limit": "only hosts of these roles, or that match these patterns, with commas",
}


def command(name: str | None = None, default: bool = False, **help_: str) -> Callable[[Body], Task[Any]]:
    """Make a task of a function: long options only, help for each, our errors as messages with their exit codes."""

    def make(body: Body) -> Task[Any]:
        @functools.wraps(body)
        def guarded(context: Context, *args: Any, **options: Any) -> None:
            guard(body, context, *args, **options)

        parameters = list(body.__code__.co_varnames[1 : body.__code__.co_argcount])
        known = {p: help_.get(p) or HELP[p] for p in parameters}
        return Task(guarded, name=name, default=default, auto_shortflags=False, help=known)

    return make


def guard(body: Body, context: Context, *args: Any, **options: Any) -> None:
    """Run a task's body; what goes wrong ends the program with a masked message and the code that the error carries."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        body(context, *args, **options)
    except DeployError as error:
        raise Exit(mask(str(error)), code=error.exit_code) from None
    except KeyboardInterrupt:
        raise Exit("Interrupted.", code=130) from None
    except Exit:
        raise
    except Exception:  # noqa: BLE001 - a defect of ours: shown whole for a report, with every secret masked
        text = mask(traceback.format_exc())
        raise Exit(f"{text}\nThis is a defect of pipeline-deploy, please report it.", code=1) from None


def _interrupt(number: int, frame: object) -> None:
    """A TERM, or a terminal that is closed, is a Ctrl-C: a deployment goes back instead of lying half done."""
    raise KeyboardInterrupt


def is_dry(context: Context) -> bool:
    """Whether Invoke's core `--dry` was given."""
    return bool(context.config.run.dry)


def opened(
    system: str | None,
    env: str | None,
    *,
    start: bool = False,
    hosts: str | None = None,
    limit: str | None = None,
) -> Session:
    """The session of the environment that was asked for; never a guess at production. `start` starts its sandbox."""
    from deploy.session import open_session

    if not (env := env or os.environ.get("DEPLOY_ENV")):
        system, env = the_only_open(system)
    return open_session(system, env, start=start, hosts=hosts, limit=limit)


def the_only_open(system: str | None) -> tuple[str, str]:
    """System and environment of the only deployment that runs somewhere from here; ConfigError for none, or more."""
    from deploy.discover import candidates, environment_names, find_systems
    from deploy.folders import folders
    from deploy.session import open_session, typed

    meant = candidates(system, os.environ, find_systems(folders()))
    places = [(each, env) for each, folder in meant.items() for env in environment_names(folder)]
    found = [place for place in places if _deployed(open_session, *place)]
    if len(found) == 1:
        return found[0]
    several = ", ".join(env if len(meant) == 1 else f"{each} in {env}" for each, env in found)
    why = f"several are deployed: {several}" if found else "nothing is deployed from here"
    ways = [f"{typed()} --env={env}" + (f" --system={each}" if len(meant) > 1 else "") for each, env in found]
    fix = " or ".join(ways) or f"Give --env or DEPLOY_ENV, one of: {', '.join(dict.fromkeys(e for _, e in places))}"
    raise ConfigError(f"which environment? ({why})", where="--env", fix=fix)


def _deployed(opener: Callable[[str | None, str], Session], system: str | None, name: str) -> bool:
    try:
        return any((opener(system, name).control.folder / "journals").glob("*.jsonl"))
    except ConfigError:
        return False  # an environment that is not configured here has no deployment from here


def emit(text: str, output: str | None = None) -> None:
    """Print a text, or write it whole to a file."""
    from pathlib import Path

    if output is None:
        encoding = sys.stdout.encoding or "utf-8"
        shown = text.encode(encoding, "replace").decode(encoding)  # a terminal without ✓ gets a ?
        sys.stdout.write(shown if shown.endswith("\n") else shown + "\n")
        return
    path = Path(output)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=output) from None


def one_of(format: str, **printers: Callable[[Any], str]) -> Callable[[Any], str]:
    """The printer of the format that was asked for; ConfigError names what there is."""
    if format not in printers:
        raise ConfigError(f"no format {format!r} here", where="--format", fix=" or ".join(printers))
    return printers[format]


def say(text: str) -> None:
    emit(text)


def confirmed(question: str, option: str) -> None:
    """Go on only after a yes at the terminal; where nobody can be asked, refuse and name the option."""
    if not sys.stdin.isatty():
        raise ConfigError(question, where=option, fix=f"Nobody can be asked here: give {option}.")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise Exit("Nothing was changed.", code=1)


def asked(question: str) -> bool:
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
