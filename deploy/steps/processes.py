"""The service user's own processes: stopped by their declared match, and started again where they ran before."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from deploy.command import Command, Script
from deploy.deployment import Deployment
from deploy.errors import StepFailed
from deploy.steps.base import Facts, Progress, Step
from deploy.system import Service

# Prints `pid args` of this user's matching processes. Never this shell, its ancestors (the toolkit among them) or its
# children. The pattern comes from the environment, so that no command line but the searched one can hold it.
MINE = """\
mine() {
  ps -u "$(id -u)" -o pid=,ppid=,stat=,args= | SELF=$$ awk '
    $3 !~ /^Z/ { parent[$1] = $2; pid = $1; $1 = $2 = $3 = ""; sub(/^ +/, ""); args[pid] = $0 }
    END {
      for (p = ENVIRON["SELF"]; p in parent; p = parent[p]) kin[p] = 1
      for (p in args)
        if (!(p in kin) && parent[p] != ENVIRON["SELF"] && args[p] ~ ENVIRON["MATCH"]) print p, args[p]
    }'
}
"""

STOP = """\
pids() { mine | cut -d" " -f1; }
for pid in $(pids); do kill -TERM "$pid" 2>/dev/null || echo "gone $pid" >&2; done
tries=$((WAIT * 5))
while [ -n "$(pids)" ] && [ $tries -gt 0 ]; do sleep 0.2; tries=$((tries - 1)); done
for pid in $(pids); do kill -KILL "$pid" 2>/dev/null || echo "gone $pid" >&2; done
tries=25
while [ -n "$(pids)" ] && [ $tries -gt 0 ]; do sleep 0.2; tries=$((tries - 1)); done
if [ -n "$(pids)" ]; then echo "these survive a KILL:" $(pids) >&2; exit 9; fi"""


def query(deployment: Deployment, text: str = "mine", **options: float) -> Script:
    patterns = [deployment.scope().pattern(pattern) for pattern in deployment.system.processes.match]
    env = {"MATCH": "|".join(f"({pattern})" for pattern in patterns) if patterns else "^$"}
    env |= {key.upper(): f"{value:.0f}" for key, value in options.items()}
    return Script(MINE + text, env=env, timeout=30 + sum(options.values()) * 2, note="the system's own processes")


def running(deployment: Deployment) -> list[str]:
    """The command lines of what runs now and is declared as the system's own."""
    return commands(deployment.site.execute(query(deployment)).out)


def commands(listing: str) -> list[str]:
    return [line.partition(" ")[2] for line in listing.splitlines()]


class StopStep(Step):
    """Stop what runs: TERM, a wait, KILL, and a look whether it is gone."""

    name = "stop"
    title = "stop the processes"
    each = True

    def plan(self) -> list[Command]:
        return [query(self.deployment, STOP, wait=max(1.0, self.deployment.system.processes.stop_timeout))]

    def before(self) -> Facts:
        """What runs; a first try that was cut off may have stopped some of it already."""
        known = list(self.deployment.facts.get("stop", {}).get("stopped", []))
        return {"stopped": list(dict.fromkeys([*known, *running(self.deployment)]))}

    def done(self) -> bool:
        return not running(self.deployment)

    def do(self, progress: Progress) -> Facts:
        for command in self.plan():
            self.deployment.site.execute(command)
        return {}

    def undo_plan(self) -> list[Command]:
        before = list(self.deployment.facts.get("stop", {}).get("stopped", []))
        return [launch(self.deployment, s) for s in self.deployment.system.processes.start if among(s, before)]

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        """Start again, from the release that is current by now, what was stopped."""
        return {"started": start(self.deployment, list(facts.get("stopped", [])))}


class StartStep(Step):
    """Start the declared services that ran before this deployment stopped them."""

    name = "start"
    title = "start the processes"
    each = True

    @property
    def wanted(self) -> list[str]:
        return list(self.deployment.facts.get("stop", {}).get("stopped", []))

    def plan(self) -> list[Command]:
        services = self.deployment.system.processes.start
        return [launch(self.deployment, service) for service in services]

    def done(self) -> bool:
        return not missing(self.deployment, self.wanted)

    def do(self, progress: Progress) -> Facts:
        return {"started": start(self.deployment, self.wanted)}

    def undo_plan(self) -> list[Command]:
        return StopStep(self.deployment).plan()

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        return StopStep(self.deployment).do(progress)


def missing(deployment: Deployment, before: list[str]) -> list[Service]:
    """The declared services that ran before and do not run now. What is no service was a batch job: it has ended."""
    now = running(deployment)
    services = deployment.system.processes.start
    return [service for service in services if among(service, before) and not among(service, now)]


def among(service: Service, lines: list[str]) -> bool:
    return any(re.search(service.match, line) for line in lines)


def start(deployment: Deployment, before: list[str]) -> list[str]:
    """Start the services that ran before and do not run now, and see that they do; returns their names."""
    services = missing(deployment, before)
    for service in services:
        deployment.site.execute(launch(deployment, service))
    dead = [service.name for service in missing(deployment, before)]
    if dead:
        raise StepFailed(f"Started, but not running: {', '.join(dead)}. See shared/logs/<name>.out.")
    return [service.name for service in services]


def launch(deployment: Deployment, service: Service) -> Script:
    scope = deployment.scope()
    argv = " ".join(shlex.quote(scope.fill(word)) for word in service.run)
    log = shlex.quote(str(PurePosixPath(deployment.layout.shared) / "logs" / f"{service.name}.out"))
    text = f'mkdir -p "$(dirname {log})"\nsetsid nohup {argv} >>{log} 2>&1 </dev/null &\nsleep 0.3'
    env = {**deployment.environment.env, **service.env}
    secrets = deployment.site.app_secrets()
    return Script(text, cwd=scope.fill(service.cwd), env=env, secrets=secrets, note=f"start {service.name}")
