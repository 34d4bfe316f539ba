"""The Docker Engine and the containers of the environment's Compose project, found by their labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, ClassVar

from pydantic import Field

from deploy.containers import Row, Standing, absent, called, standing
from deploy.probes import usage
from deploy.probes.base import Probe
from deploy.probes.bounds import Regex, version
from deploy.probes.files import space
from deploy.probes.python import IMPORTED
from deploy.probes.reading import every, words
from deploy.probes.sh import volume
from deploy.probes.sizes import Bytes, mib
from deploy.question import Data, Docker, Output, Shell
from deploy.result import Verdict, failed, judged, passed, unknown
from deploy.scope import Scope

NONE = "the project has no container"
Names = tuple[str, ...]


class Engine(Probe):
    """The Docker Engine is new enough, and its machine has enough memory."""

    name: ClassVar[str] = "docker.engine"
    example: ClassVar[str] = "at_least: '20.10'\nmemory_at_least: 4GB"
    at_least: str
    memory_at_least: Bytes = 0

    def ask(self, scope: Scope) -> Docker:
        return Docker("engine")

    def judge(self, data: Data) -> Verdict:
        told: dict[str, Any] = data.value  # type: ignore[assignment]  # as the channel makes it
        memory = f", {mib(self.memory_at_least)} of memory" if self.memory_at_least else ""
        expected, has = f"at least {self.at_least}{memory}", told["MemTotal"] or 0
        try:
            holds = version(told["Version"]) >= version(self.at_least) and has >= self.memory_at_least
        except ValueError as error:
            return unknown(expected, str(error))
        return judged(holds, expected, f"{told['Version']}, {mib(has)} of memory")


class Services(Probe):
    """Every expected service has containers, and all of them run and are healthy (or, of `once`, have completed)."""

    name: ClassVar[str] = "docker.services"
    example: ClassVar[str] = "expected: [postgres, redis, web]\nonce: [setup]"
    expected: Names = Field(min_length=1)
    once: Names = ()
    health: Names = ()  # services that must have a health check

    def ask(self, scope: Scope) -> Docker:
        return Docker("services")

    def judge(self, data: Data) -> Verdict:
        rows = [row for row in _rows(data) if row["service"] in self.expected]
        states = [(*self._state(row), called(row)) for row in rows]
        found = [(told, who) for _, told, who in states]
        found += [("no container", service) for service in absent(rows, self.expected)]
        good, unclear = ({told for how, told, _ in states if how is one} for one in (Standing.READY, Standing.STARTING))
        return every("running and healthy", sorted(found, key=lambda one: one[1]), good, unclear)

    def _state(self, row: Row) -> tuple[Standing, str]:
        if row["service"] in self.health and not row["health"]:
            return Standing.BROKEN, "no health check"
        return standing(row, self.once)


class Containers(Probe):
    """What probes share that judge one thing of each container of the project."""

    services: Names = ()  # none: all

    def ask(self, scope: Scope) -> Docker:
        return Docker("services")

    def chosen(self, data: Data) -> list[Row]:
        return [row for row in _rows(data) if not self.services or row["service"] in self.services]

    def each(self, expected: str, data: Data, state: Callable[[Row], str]) -> Verdict:
        """All containers are in the state `good`; a service without containers cannot be judged."""
        rows = self.chosen(data)
        found = [(state(row), called(row)) for row in rows]
        found += [("no container", service) for service in absent(rows, self.services)]
        return every(expected, found, {"good"}, {"no container"}) if found else unknown(expected, NONE)


class Restarts(Containers):
    """No container was restarted more often than it may be, since it was made."""

    name: ClassVar[str] = "docker.restarts"
    example: ClassVar[str] = "services: [web]\nat_most: 0"
    at_most: int = Field(0, ge=0)

    def judge(self, data: Data) -> Verdict:
        told = f"at most {self.at_most} restarts"
        return self.each(told, data, lambda r: "good" if r["restarts"] <= self.at_most else f"{r['restarts']} restarts")


class Oom(Containers):
    """No container ran out of memory and was killed for it."""

    name: ClassVar[str] = "docker.oom"
    example: ClassVar[str] = "services: [web]"

    def judge(self, data: Data) -> Verdict:
        return self.each("never out of memory", data, lambda row: "out of memory" if row["oom_killed"] else "good")


class Exits(Containers):
    """Every container that has ended, ended as it should: with one of these exit codes."""

    name: ClassVar[str] = "docker.exits"
    example: ClassVar[str] = "services: [setup]\ncodes: [0]"
    codes: tuple[int, ...] = (0,)

    def judge(self, data: Data) -> Verdict:
        expected = f"ended with {' or '.join(map(str, self.codes))}, where ended"
        return self.each(expected, data, self._state)

    def _state(self, row: Row) -> str:
        ended = row["state"] in ("exited", "dead", "restarting")
        return "good" if not ended or row["exit"] in self.codes else f"exit {row['exit']}"


class Limited(Containers):
    """Every container has a memory limit."""

    name: ClassVar[str] = "docker.limits"
    example: ClassVar[str] = "services: [web]\ntogether_at_most: 12GB"
    together_at_most: Bytes = 0

    def judge(self, data: Data) -> Verdict:
        most = f", together {mib(self.together_at_most)} at most" if self.together_at_most else ""
        verdict = self.each(f"a memory limit{most}", data, lambda row: "good" if row["memory_limit"] else "no limit")
        whole = sum(int(row["memory_limit"]) for row in self.chosen(data))
        over = verdict.status.value == "pass" and 0 < self.together_at_most < whole
        return failed(verdict.expected, f"together {mib(whole)}", verdict.evidence) if over else verdict


class LogRotation(Containers):
    """What every container logs is rotated: by size, or by a driver that keeps no files of its own."""

    name: ClassVar[str] = "docker.log_rotation"
    example: ClassVar[str] = "services: [web]"

    def judge(self, data: Data) -> Verdict:
        return self.each("rotated logs", data, _rotation)


def _rotation(row: Row) -> str:
    driver, options = row["log_driver"], row["log_options"]
    if driver == "json-file":
        return "good" if options.get("max-size") not in (None, "", "-1") else "json-file without max-size"
    return "no log at all" if driver == "none" else "good"


class Sampled(Containers):
    """What probes share that measure all running containers at once, several times."""

    samples: int = Field(3, ge=1, le=60)
    below: float = Field(gt=0)

    def ask(self, scope: Scope) -> Docker:
        return Docker("stats", {"samples": self.samples}, timeout=20.0 + 3 * self.samples)

    def measured(self, data: Data, measure: Callable[[Row, Row], float | None]) -> Verdict:
        """The mean of each container's samples keeps below the bound; too few samples are unknown."""
        expected, rows = f"below {self.below:g} %", self.chosen(data)
        measured = {called(row): [v for s in row["samples"] if (v := measure(row, s)) is not None] for row in rows}
        states = [(self._state(v), name, " ".join(f"{one:g}" for one in v)) for name, v in measured.items()]
        states += [("not running", service, "") for service in absent(rows, self.services)]
        if not states:
            return unknown(expected, "no container of the project runs")
        verdict = every(expected, states, {"good"}, {"not running", "too few samples"})
        if verdict.status.value != "pass":
            return verdict
        return passed(expected, f"{max(map(fmean, measured.values())):.1f} % at most", verdict.evidence)

    def _state(self, values: Sequence[float]) -> str:
        if len(values) < self.samples:
            return "too few samples"
        return "good" if fmean(values) < self.below else f"{fmean(values):.1f} %"


class Memory(Sampled):
    """Every running container uses less of its memory limit (or of the machine's memory) than it may, in per cent."""

    name: ClassVar[str] = "docker.memory"
    example: ClassVar[str] = "below: 80\nsamples: 3"

    def judge(self, data: Data) -> Verdict:
        return self.measured(data, lambda row, sample: usage.memory(sample))


class Cpu(Sampled):
    """Every running container uses less of the CPUs that it may use, in per cent of all of those."""

    name: ClassVar[str] = "docker.cpu"
    example: ClassVar[str] = "below: 80\nsamples: 3"

    def judge(self, data: Data) -> Verdict:
        return self.measured(data, lambda row, sample: usage.cpu(sample, row["cpus"]))


class Logs(Probe):
    """Few enough log lines of the services match, since the span in question began (or, without one, ever)."""

    name: ClassVar[str] = "docker.logs"
    example: ClassVar[str] = "matches: 'MemoryError|Out of memory'\nservices: [worker]\nat_most: 0"
    matches: Regex
    services: Names = ()
    at_most: int = Field(0, ge=0)

    def ask(self, scope: Scope) -> Docker:
        span = {"since": scope.since, "until": scope.until}
        times = {key: at.isoformat() for key, at in span.items() if at}
        return Docker("logs", {"matching": self.matches, "services": list(self.services), **times}, timeout=60)

    def judge(self, data: Data) -> Verdict:
        rows, expected = _rows(data), f"at most {self.at_most} lines matching /{self.matches}/"
        count, lacking = sum(int(row["matched"]) for row in rows), absent(rows, self.services)
        evidence = "\n".join(f"{called(row)}: {at[:19]} {text}" for row in rows for at, _, text in row["lines"][:20])
        if count > self.at_most:
            return failed(expected, f"{count} lines", evidence)
        cut = [called(row) for row in rows if row["cut"]]
        if lacking or cut or not rows:
            why = f"no container: {', '.join(lacking)}" if lacking else f"more than is read: {', '.join(cut)}"
            return unknown(expected, why if rows or lacking else NONE, evidence)
        return passed(expected, f"{count} of {sum(int(row['read']) for row in rows)} lines", evidence)


class RootFree(Probe):
    """The volume of the Engine's own folder has enough free space."""

    name: ClassVar[str] = "docker.root_free"
    example: ClassVar[str] = "at_least: 20GB\npath: /var/lib/docker"
    at_least: Bytes = Field(gt=0)
    path: str = "/var/lib/docker"

    def ask(self, scope: Scope) -> tuple[Docker, Shell]:
        return Docker("engine"), Shell(volume(scope, self.path))

    def judge(self, data: Data, output: Output) -> Verdict:
        expected, root = f"at least {mib(self.at_least)} free", str(data.value["DockerRootDir"])  # type: ignore[index]
        found = space(output)
        if root != self.path:
            return unknown(expected, f"the Engine keeps its data in {root}, not in {self.path}")
        if found is None:
            return unknown(expected, "df did not answer as POSIX says", output.out)
        return judged(found[1] >= self.at_least, expected, f"{mib(found[1])} free", output.out)


class Imports(Probe):
    """Every module can be imported in a running container of the service, as its programs import it."""

    name: ClassVar[str] = "docker.imports"
    example: ClassVar[str] = "service: worker\nmodules: [pipelines.load]\npython: python3"
    service: str
    modules: Names = Field(min_length=1)
    python: str = "python3"
    cwd: str = ""

    def ask(self, scope: Scope) -> Docker:
        argv = [self.python, "-B", "-c", IMPORTED, *self.modules]
        return Docker("exec", {"service": self.service, "argv": argv, "cwd": self.cwd}, timeout=120)

    def judge(self, data: Data) -> Verdict:
        told: dict[str, Any] = data.value  # type: ignore[assignment]  # as the channel makes it
        if told["exit"] != 0:
            return unknown("can be imported", f"python exited {told['exit']}", told["err"] or told["out"])
        lines = [line[1:] for line in words(Output(0, told["out"])) if line[0] == "import"]
        return every("can be imported", lines, {"imported"})


def _rows(data: Data) -> list[Row]:
    assert isinstance(data.value, list)
    return data.value
