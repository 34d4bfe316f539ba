"""Waiting for services by what the Engine tells of them, with a line for every change, instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from deploy.command import Command, Completed
from deploy.containers import Row, Standing, absent, called, standing
from deploy.deployment import Deployment
from deploy.errors import CommandFailed, StepFailed
from deploy.question import Data, Docker, Unanswered
from deploy.secret import mask
from deploy.steps.base import Progress
from deploy.workload import Compose

POLL = 0.5  # seconds between two looks
TRIES, BETWEEN = 10, 3.0  # how often, and after how many seconds, an Engine that is away is asked again
STEADY = 3.0  # seconds that a service without a health check must run before it counts as ready
LAST_LINES = 12
States = dict[str, tuple[Standing, str]]


def ask(deployment: Deployment, compose: Compose, question: Docker) -> list[Row]:
    """What the Engine answers. Raises StepFailed when it does not."""
    host = deployment.site.hosts(compose.on)[0]
    (found,) = deployment.site.answer([(host, question)])
    if isinstance(found, Unanswered):
        raise StepFailed(f"The Docker Engine cannot be asked: {found.why}.")
    assert isinstance(found, Data) and isinstance(found.value, list)
    return found.value


def ask_patiently(deployment: Deployment, compose: Compose, question: Docker) -> list[Row]:
    """What the Engine answers, after a while: its daemon may be starting again. StepFailed when it stays away."""
    for _ in range(TRIES):
        try:
            return ask(deployment, compose, question)
        except StepFailed:
            time.sleep(BETWEEN)
    return ask(deployment, compose, question)


class Watch:
    """Follows some services of the project, and tells people of each change."""

    def __init__(self, deployment: Deployment, compose: Compose, services: Sequence[str], progress: Progress) -> None:
        self.deployment, self.compose = deployment, compose
        self.services, self.progress = services, progress
        self.said: dict[str, str] = {}
        self.first_seen: dict[tuple[str, str], float] = {}
        self.before: set[tuple[str, str]] = set()  # what ran before our command: it may just be recovering
        self.began = time.monotonic()

    def run(self, command: Command) -> Completed:
        """Run a command, looking on. Raises StepFailed with the last log lines of what is broken."""
        self._glance()
        self.before = set(self.first_seen)
        with ThreadPoolExecutor(1) as pool:
            running: Future[Completed] = pool.submit(self.deployment.site.execute, command)
            while not wait([running], timeout=POLL).done:
                self._glance()
            try:
                return running.result()
            except CommandFailed as error:
                broken = [name for name, (how, _) in self._glance().items() if how is Standing.BROKEN]
                raise StepFailed(f"{error}\n{self.log_lines(broken or self.services)}".rstrip()) from error

    def until_ready(self, seconds: float) -> dict[str, str]:
        """Wait until every service is ready; how each is. Raises StepFailed for a broken one, and after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            states = self._glance()
            bad = {name: words for name, (how, words) in states.items() if how is Standing.BROKEN}
            if bad:
                raise StepFailed(self._told("Not every service came up", bad))
            waiting = {name: words for name, (how, words) in states.items() if how is Standing.STARTING}
            if states and not waiting:
                return {name: words for name, (_, words) in states.items()}
            if time.monotonic() > deadline:
                raise StepFailed(self._told(f"Not every service is ready after {seconds:g} s", waiting))
            time.sleep(POLL)

    def _glance(self) -> States:
        """How all services are; nothing while the Engine does not answer: it may be starting again."""
        try:
            rows = ask(self.deployment, self.compose, Docker("services", {"services": list(self.services)}))
        except StepFailed as error:
            self._say("the Engine", str(error))
            return {}
        states = {called(row): self._steady(row) for row in rows}
        states |= dict.fromkeys(absent(rows, self.services), (Standing.STARTING, "no container"))
        for name, (_, words) in states.items():
            self._say(name, words)
        ready = sum(how is Standing.READY for how, _ in states.values())
        self.progress.count(ready, len(states), "services ready")
        return states

    def _steady(self, row: Row) -> tuple[Standing, str]:
        found = standing(row, self.compose.once)
        if row["state"] != "running":
            return found
        one = (str(row["id"]), str(row["started_at"]))
        first = self.first_seen.setdefault(one, time.monotonic())
        if found[0] is Standing.BROKEN and one in self.before:
            return Standing.STARTING, found[1]
        if row["health"] or time.monotonic() - first >= STEADY:
            return found
        return Standing.STARTING, "running"

    def _say(self, name: str, words: str) -> None:
        if self.said.get(name) != words:
            self.said[name] = words
            self.progress.say(mask(f"{name}: {words} ({time.monotonic() - self.began:.0f} s)"))

    def _told(self, headline: str, bad: dict[str, str]) -> str:
        lines = [f"  {name}: {words}" for name, words in bad.items()]
        return mask("\n".join([f"{headline}:", *lines, self.log_lines(sorted(bad))]).rstrip())

    def log_lines(self, names: Sequence[str]) -> str:
        """The last lines that services printed, as evidence; a container's number does not matter here."""
        services = [name.partition(" (")[0] for name in names]
        asked = Docker("logs", {"services": services, "tail": LAST_LINES})
        try:
            rows = ask(self.deployment, self.compose, asked) if services else []
        except StepFailed as error:
            return f"  | no log lines: {error}"
        return mask(
            "\n".join(f"  | {called(row)}: {text}" for row in rows for _, _, text in row["lines"][-LAST_LINES:])
        )
