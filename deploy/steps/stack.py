"""A release's Compose project: its stores run on, its services are those of the release. No volume is ever removed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from deploy.command import Command, Script
from deploy.compose import Project, changing, engine_host
from deploy.containers import Standing, absent, standing
from deploy.errors import CommandFailed, ConfigError, StepFailed
from deploy.question import Docker
from deploy.steps.base import Facts, Progress, Step
from deploy.steps.readiness import Watch, ask_patiently
from deploy.workload import Compose

LINK = "stack"  # below the root: the release whose stores run
WAIT = """\
tries={seconds}
while docker ps --filter label=com.docker.compose.project={project} --format '{{{{.Status}}}}' |
  grep -qE 'starting|unhealthy|Restarting'
do
  tries=$((tries - 1))
  if [ $tries -le 0 ]; then docker ps -a --filter label=com.docker.compose.project={project}; exit 1; fi
  sleep 1
done"""


class StackStep(Step):
    """What stores and services share: the project, and the wait until the Engine says that they are ready."""

    @property
    def compose(self) -> Compose:
        if self.deployment.system.compose is None:
            raise ConfigError("the system has no `compose:`", where="system.yaml")
        return self.deployment.system.compose

    @property
    def project(self) -> Project:
        engine, scope = self.deployment.environment.docker, self.deployment.scope()
        if engine is None:
            raise ConfigError(
                "the environment has no `docker:`", where=f"environments.{self.deployment.environment.name}"
            )
        env_file = scope.fill(self.compose.env_file) if self.compose.env_file else None
        env, secrets = self.deployment.environment.env, self.deployment.site.app_secrets()
        files = (*self.compose.files, *engine.files)
        return Project(engine.project, files, env_file, engine_host(engine), env, secrets, self.compose.on)

    @property
    def names(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def folder(self) -> str:
        """Where the files are that the project is run from."""
        raise NotImplementedError

    def plan(self) -> list[Command]:
        return [self.up(), self.waiting()]

    def up(self) -> Script:
        raise NotImplementedError

    def waiting(self) -> Script:
        """The wait as a loop, for people. A real run asks the Engine itself, and shows what changes."""
        text = WAIT.format(seconds=int(self.compose.wait), project=shlex.quote(self.project.name))
        host = {"DOCKER_HOST": self.project.host} if self.project.host else {}
        return Script(
            text, env=host, timeout=self.compose.wait + 60, note="wait until all are ready", on=self.compose.on
        )

    def before(self) -> Facts:
        """Which of the containers run; a first try that was cut off knew it better."""
        known = self.deployment.facts.get(self.name, {})
        return dict(known) if "ran" in known else {"ran": self._running(), **self._more()}

    def _more(self) -> dict[str, Any]:
        return {}

    def _running(self) -> list[str]:
        rows = ask_patiently(self.deployment, self.compose, Docker("services", {"services": list(self.names)}))
        return sorted({str(row["service"]) for row in rows if row["state"] in ("running", "restarting", "paused")})

    def done(self) -> bool:
        """Whether all are ready as they are, and Compose would make none of them anew."""
        if not self.names:
            return True
        rows = ask_patiently(self.deployment, self.compose, Docker("services", {"services": list(self.names)}))
        ready = all(standing(row, self.compose.once)[0] is Standing.READY and row["image_current"] for row in rows)
        if absent(rows, self.names) or not ready:
            return False
        try:
            told = self.deployment.site.execute(self.project.outlook(self.folder, self.names)).out
        except CommandFailed:
            return False  # `do` will say what is wrong with the files
        return not changing(told, self.names, {str(row["service"]): str(row["config_hash"]) for row in rows})

    def do(self, progress: Progress) -> Facts:
        return {"ready": self._bring_up(self.up(), self.names, progress)} if self.names else {}

    def _bring_up(self, command: Command, names: Sequence[str], progress: Progress) -> dict[str, str]:
        watch = Watch(self.deployment, self.compose, names, progress)
        watch.run(command)
        return watch.until_ready(self.compose.wait)

    def _stopped(self) -> list[str]:
        """Stop what runs; files that Compose cannot read must not keep a rollback from ending where nothing does."""
        running = self._running()
        if running:
            self.deployment.site.execute(self._stop())
        return running

    def _stop(self) -> Script:
        stop = self.project.call(self.folder, "stop", *self.names)
        return self.project.script([stop], f"stop {', '.join(self.names)}: they did not run before")


class StoresStep(StackStep):
    """Bring up what keeps state, through a link that stays the same: unchanged stores are not made anew."""

    name = "stores"
    title = "start the stores"

    @property
    def names(self) -> tuple[str, ...]:
        return self.compose.stores

    @property
    def folder(self) -> str:
        return str(self.deployment.layout.root / LINK)

    def up(self) -> Script:
        return self._from(f"releases/{self.deployment.release}")

    def _from(self, target: str) -> Script:
        lines = [
            f"cd {shlex.quote(str(self.deployment.layout.root))}",
            f"ln -sfn {shlex.quote(target)} .{LINK}.new",
            f"mv -Tf .{LINK}.new {LINK} 2>/dev/null || mv -fh .{LINK}.new {LINK}",
            self.project.up(self.folder, self.names),
        ]
        return self.project.script(lines, f"stores as in {target}", timeout=self.compose.wait + 300)

    def _more(self) -> dict[str, Any]:
        return {"link": self._link()}

    def _link(self) -> str:
        text = f"readlink {shlex.quote(self.folder)} || exit 0"
        return self.deployment.site.execute(Script(text, on=self.compose.on)).out.strip()

    def done(self) -> bool:
        return not self.names or (self._link() == f"releases/{self.deployment.release}" and super().done())

    def undo_plan(self) -> list[Command]:
        """Back to the description before. Stores that ran, of no release that is known here, are left alone."""
        facts = self.deployment.facts.get(self.name, {})
        if not self.names:
            return []
        if facts.get("link"):
            return [self._from(str(facts["link"])), self.waiting()]
        return [*([] if facts.get("ran") else [self._stop()]), self._unlink()]

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        if not self.names:
            return {}
        if facts.get("link"):
            return {"ready": self._bring_up(self._from(str(facts["link"])), self.names, progress)}
        stopped = [] if facts.get("ran") else self._stopped()
        self.deployment.site.execute(self._unlink())
        return {"stopped": stopped}

    def _unlink(self) -> Script:
        return Script(f"rm -f {shlex.quote(self.folder)}", note="no stores of a release before", on=self.compose.on)


class ServicesStep(StackStep):
    """Bring up the services from the release's folder; one that the release no longer has is removed."""

    name = "services"
    title = "start the services"

    @property
    def names(self) -> tuple[str, ...]:
        return self.compose.services

    @property
    def folder(self) -> str:
        return str(self.deployment.layout.release(self.deployment.release))

    def up(self) -> Script:
        line = self.project.up(self.folder, self.names, "--remove-orphans")
        return self.project.script([line], "the release's services", timeout=self.compose.wait + 300)

    def _back(self, release: str) -> Script:
        """Services as that release has them: it may not have all of today's."""
        folder = str(self.deployment.layout.release(release))
        lines = [
            f"have=$({self.project.call(folder, 'config', '--services')})",
            "wanted=",
            f"for name in {shlex.join(self.names)}; do",
            '  if printf "%s\\n" "$have" | grep -qxF -e "$name"; then wanted="$wanted $name"; fi',
            "done",
            'test -n "$wanted"',  # `up` of no service in particular would be all of them, stores included
            f"{self.project.up(folder, (), '--remove-orphans')} $wanted",
            'printf "%s\\n" "$wanted"',
        ]
        return self.project.script(lines, f"services as in release {release}", timeout=self.compose.wait + 300)

    def undo_plan(self) -> list[Command]:
        facts, previous = self.deployment.facts.get(self.name, {}), self.deployment.previous
        if previous and facts.get("ran") != []:
            return [self._back(previous), self.waiting()]
        return [self._stop()]

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        """Back to the release before, or to nothing where nothing ran. Volumes are never touched."""
        previous, ran = self.deployment.previous, facts.get("ran")
        if previous and ran != []:
            command = self._back(previous)
            watch = Watch(self.deployment, self.compose, self.names, progress)
            watch.services = watch.run(command).out.splitlines()[-1].split()
            return {"ready": watch.until_ready(self.compose.wait), "release": previous}
        if ran:
            raise StepFailed(f"These ran before, of no release that is known here: {', '.join(ran)}.")
        return {"stopped": self._stopped()}
