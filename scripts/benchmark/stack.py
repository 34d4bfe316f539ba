"""The Tiki pipeline's checks on its deployed stack: ours, beside a reader's commands one after the other."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy import checking, config, folders
from deploy.channels.transport import local_environment
from deploy.folders import PROJECT
from deploy.question import Answer, Question, Unanswered
from deploy.session import Session
from deploy.site import Asked, Site
from deploy.steps.variables import setting, values
from scripts.benchmark import typed
from scripts.benchmark.byhand import Reader
from scripts.benchmark.figures import Figure, Pair
from scripts.benchmark.place import Broken, timed

SYSTEM, ENVIRONMENT, WINDOW = "tiki_pipeline", "compose", "7d"
AIM = 0.05
CHECKS = (
    "the whole command `invoke validate.all --window=7d`, beside its {questions} different questions typed into one"
    " open shell, one after the other: `docker`, `docker exec` for Airflow's command line, `psql`, `redis-cli` and"
    " `curl`. All had an answer on both sides; on a living stack the answers themselves move."
)
VARIABLES = (
    "{count} variables of Airflow given the values that they have, and read back: the REST API (a login included),"
    " beside `airflow variables set` and `get` in the container. What was read is equal."
)


class Listening(Site):
    """A site that remembers all that it was asked, and what it answered."""

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*given, **named)  # type: ignore[arg-type]
        self.heard: list[tuple[Question, Answer | Unanswered]] = []

    def answer(self, asked: Sequence[Asked]) -> list[Answer | Unanswered]:
        found = super().answer(asked)
        self.heard += zip([question for _, question in asked], found, strict=True)
        return found


def measure(runs: int) -> list[Figure]:
    """Broken where the environment is not deployed."""
    one = deployed()
    questions = asked(one)
    reader = Reader(one.site)
    checks = [checked(one.site, reader, questions) for _ in range(runs)]
    wanted = current(one)
    steered = [variables(one.site, reader, wanted) for _ in range(runs)]
    return [
        Figure("validate.all", CHECKS.format(questions=len(questions)), checks, AIM),
        Figure("variables", VARIABLES.format(count=len(wanted)), steered),
    ]


def deployed() -> Session:
    """The stack of this checkout, with a site that remembers."""
    if not (PROJECT / ".local" / f"{SYSTEM}.env").is_file():
        raise Broken(f"the environment {ENVIRONMENT} is not deployed here: invoke deploy.{ENVIRONMENT}")
    system = config.load_system(folders.folders()[0] / SYSTEM)
    environment = config.load_environment(system, ENVIRONMENT, PROJECT, os.environ)
    return Session(system, environment, Listening(environment))


def asked(one: Session) -> list[Question]:
    """The different questions of all phases; Broken when one of them has no answer, for then it is no comparison."""
    assert isinstance(one.site, Listening)
    checking.everything(one, one.gate(), WINDOW)
    silent = [f"{question}: {answer.why}" for question, answer in one.site.heard if isinstance(answer, Unanswered)]
    if silent:
        raise Broken("not answered:\n" + "\n".join(silent[:10]))
    found: list[Question] = []
    for question, _ in one.site.heard:  # by equality: their mappings cannot be hashed
        if question not in found:
            found.append(question)
    return found


def checked(site: Site, reader: Reader, questions: Sequence[Question]) -> Pair:
    """The command, then the reader. A gate that is closed (6) has asked just as much."""
    argv = [sys.executable, "-m", "invoke", "validate.all", f"--system={SYSTEM}", f"--env={ENVIRONMENT}"]
    ours = timed([*argv, f"--window={WINDOW}"], own_environment(), cwd=PROJECT, legal=(0, 6))
    with TemporaryDirectory(prefix="pipeline-deploy-typed-") as folder:
        lines = [reader.line(question) for question in questions]
        bare = typed.run(reader.token() + "\n" + typed.typed(lines, site, Path(folder)))
        ended = [int((Path(folder) / str(number)).read_text()) for number in range(len(lines))]
    failed = [line for line, code in zip(lines, ended, strict=True) if code in (126, 127)]
    if failed:
        raise Broken(f"{len(failed)} of the typed commands could not be run")  # they may hold passwords
    return Pair(ours, bare)


def own_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(("DEPLOY_", "SANDBOX_"))}
    return {**local_environment(os.environ), **kept, "NO_COLOR": "1"}


def current(one: Session) -> dict[str, str]:
    """The values that the steering variables have."""
    known = one.system.workflows
    assert known
    return {name: value for name, value in values(one.site, known.variables).items() if value is not None}


def variables(site: Site, reader: Reader, wanted: dict[str, str]) -> Pair:
    began = time.monotonic()
    for name, value in wanted.items():
        site.execute(setting(name, value, True))
    read = values(site, wanted)
    ours = time.monotonic() - began
    sets = [reader.command(["variables", "set", name, value]) for name, value in wanted.items()]
    gets = [reader.command(["variables", "get", name]) for name in wanted]
    with TemporaryDirectory(prefix="pipeline-deploy-typed-") as folder:
        bare = typed.run(typed.typed([*sets, *gets], site, Path(folder)))
        told = [(Path(folder) / f"{number}.out").read_text().strip() for number in range(len(sets), 2 * len(sets))]
    if read != wanted or told != list(wanted.values()):
        raise Broken("the variables read back differ")
    return Pair(ours, bare)
