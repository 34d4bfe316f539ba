"""All questions of a phase in one batch, beside the same questions typed one process at a time."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.ask import ask
from deploy.checklists.item import Item
from deploy.deployment import Deployment
from deploy.question import Answer, Question, Shell, Sql, Unanswered
from deploy.session import Session, new_id
from deploy.site import Asked, Site
from deploy.steps.release import ReleaseStep
from scripts.benchmark import typed
from scripts.benchmark.figures import Figure, Pair
from scripts.benchmark.place import Broken, Place, Quiet

AIM = 0.25
MOVING = re.compile(r"\bdf -|pg_database_size")  # what these tell changes between two looks
IMPORTS = (
    "import deploy.tasks, deploy.operate, deploy.reports.printed, deploy.sandbox.sandbox, deploy.channels.postgres\n"
    "from deploy.probes import known_probes\n"
    "known_probes()"
)
BATCH = (
    "`deploy.ask.ask` on the {items} items of the phase {phase} in this process, beside their {questions} questions"
    " typed into one open shell: a fresh `sh -c` for each of the shell's, a fresh `psql` for each of the database's."
    " Output and exits are equal{room}."
)
LIGHT = "the same without the items {names}, whose questions run git or Python: their own work is equal on both sides."
WORKERS = ("git.", "python.")  # probes whose questions start programs that take longer than a process does
WHOLE = (
    "the whole command `invoke prereqs`, beside the same typed questions. Besides the batch it pays for Python and its"
    " imports, looks whether the sandbox runs, fetches the repository and prints."
)
RUN = f"""{IMPORTS}
import sys, time
from pathlib import Path
from invoke.main import program
began = time.monotonic()
program.run(["invoke", "prereqs"], exit=False)
Path(sys.argv[1]).write_text(str(time.monotonic() - began))
"""
APART = (
    "the same command, timed by itself from when Python and its modules are there, as the shell is that the questions"
    " are typed into; each `psql` and each program of a question still starts anew, on both sides."
)


class Listening(Site):
    """A site that remembers what it was last asked and what it answered."""

    asked: Sequence[Asked] = ()
    answered: Sequence[Answer | Unanswered] = ()

    def answer(self, asked: Sequence[Asked]) -> list[Answer | Unanswered]:
        found = super().answer(asked)
        self.asked, self.answered = asked, found
        return found


def measure(place: Place, runs: int) -> list[Figure]:
    session = place.session(Listening)
    deployment = session.deployment(new_id())
    items = session.checklist.phase("prereqs")
    figures = [*_prereqs(place, Phase(session, deployment, "prereqs", items), runs)]
    workers = [item.id for item in items if item.probe and item.probe.name.startswith(WORKERS)]
    light = Phase(session, deployment, "prereqs", [item for item in items if item.id not in workers])
    figures.append(Figure("prereqs, light", LIGHT.format(names=", ".join(workers)), light.pairs(runs)))
    ReleaseStep(deployment).do(Quiet())
    release = Phase(session, deployment, "release", session.checklist.phase("release"))
    return [*figures, Figure("release items", release.how, release.pairs(runs))]


def _prereqs(place: Place, phase: Phase, runs: int) -> tuple[Figure, ...]:
    """The batch, the typed questions, the whole command and its parts, in turns."""
    batch, whole, apart = [], [], []
    started: list[float] = []
    imported: list[float] = []
    place.python("-m", "invoke", "prereqs")  # compiles the copied checkout once
    for _ in range(runs):
        batch.append(phase.pair())
        whole.append(Pair(place.python("-m", "invoke", "prereqs"), batch[-1].bare))
        apart.append(Pair(_started(place), batch[-1].bare))
        started.append(place.python("-c", "pass"))
        imported.append(place.python("-c", IMPORTS))
    parts = {"python -c pass": started, "python with what it imports": imported}
    return (
        Figure("prereqs", phase.how, batch, AIM),
        Figure("invoke prereqs", WHOLE, whole, None, parts),
        Figure("start-up apart", APART, apart),
    )


def _started(place: Place) -> float:
    """The seconds of `invoke prereqs` in a Python that has started and imported."""
    told = place.folder / "seconds"
    place.python("-c", RUN, str(told))
    return float(told.read_text())


class Phase:
    """Items of one phase, ready to be asked both ways; asked once by us, untimed, to know the questions."""

    def __init__(self, session: Session, deployment: Deployment, name: str, items: Sequence[Item]) -> None:
        assert isinstance(session.site, Listening)
        self.name, self.items, self.site, self.scope = name, items, session.site, deployment.scope()
        ask(self.items, self.site, self.scope)
        self.questions: list[Question] = [question for _, question in self.site.asked]

    @property
    def how(self) -> str:
        room = ", but for sizes in bytes, which move between two looks" if any(map(moves, self.questions)) else ""
        return BATCH.format(items=len(self.items), phase=self.name, questions=len(self.questions), room=room)

    def pairs(self, runs: int) -> list[Pair]:
        return [self.pair() for _ in range(runs)]

    def pair(self) -> Pair:
        """Both ways, one after the other; Broken when an answer differs."""
        began = time.monotonic()
        ask(self.items, self.site, self.scope)
        ours = time.monotonic() - began
        with TemporaryDirectory(prefix="pipeline-deploy-typed-") as folder:
            bare = typed.run(typed.script(self.questions, self.site, Path(folder)))
            self._compare(Path(folder))
        return Pair(ours, bare)

    def _compare(self, folder: Path) -> None:
        both = zip(self.questions, self.site.answered, typed.answers(self.questions, folder), strict=True)
        for question, answer, told in both:
            if seen(question, typed.as_typed(answer)) != seen(question, told):
                raise Broken(f"answers differ for {question}:\nours  {typed.as_typed(answer)}\ntyped {told}")


def moves(question: Question) -> bool:
    """Whether a question asks for a size that changes by itself."""
    if isinstance(question, Shell):
        return bool(MOVING.search(question.script))
    return isinstance(question, Sql) and any(MOVING.search(statement) for statement in question.statements)


def seen(question: Question, told: tuple[int, str]) -> tuple[int, str]:
    """Exit and output as they are compared: where a size moves, without its digits."""
    code, out = told
    return code, re.sub(r" *\d+", " #", out) if moves(question) else out
