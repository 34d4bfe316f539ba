"""A commit becomes a release folder, and the release folder becomes the current one."""

from __future__ import annotations

import json
import shlex
from pathlib import PurePosixPath
from textwrap import dedent
from typing import Any

from deploy.command import Command, Run, Script
from deploy.errors import StepFailed
from deploy.steps.base import Facts, Progress, Step
from deploy.steps.deliver import by_hand, deliver

# In the scripts each command stands on a line of its own: of `a && b`, `set -e` does not see `a` fail.
MARK = ".release.json"
SUMS = ".release.sha256"

# What a release brings at a shared path moves into shared/, once; from then on every release links there.
SHARE = """
umask 027; mkdir -p "$shared"
share() {
  mkdir -p "$(dirname "$shared/$1")" "$(dirname "$release/$1")"
  if [ -e "$release/$1" ] && [ ! -L "$release/$1" ]; then
    if [ -e "$shared/$1" ]; then rm -rf "${release:?}/$1"; else mv "$release/$1" "$shared/$1"; fi
  fi
  if [ "$2" = folder ]; then mkdir -p "$shared/$1"; fi
  ln -sfn "$shared/$1" "$release/$1"
}
"""
SUM_UP = f"cd \"$release\"\nfind . -type f ! -name '{MARK}' ! -name '{SUMS}' -exec sha256sum {{}} + >{SUMS}"


class ReleaseStep(Step):
    """Make `releases/<id>`: the commit's files, links into `shared/`, a virtual environment, the build.

    The mark `.release.json` is written last: a folder without it is not a release, and is made again.
    """

    name = "release"
    title = "prepare the release"
    touches = False
    each = True

    @property
    def folder(self) -> str:
        return str(self.deployment.layout.release(self.deployment.release))

    def plan(self) -> list[Command]:
        return [by_hand(self.deployment), *self._complete()]

    def _complete(self) -> list[Command]:
        """What makes a release of the commit's files."""
        commands: list[Command] = [self._share()]
        if self.deployment.system.release.requirements:
            commands.append(self._environment())
        return [*commands, *self._builds(), self._modes(), self._mark()]

    def _share(self) -> Command:
        head = f"release={shlex.quote(self.folder)}\nshared={shlex.quote(str(self.deployment.layout.shared))}\n"
        calls = [
            f"share {shlex.quote(path)} {'file' if PurePosixPath(path).suffix else 'folder'}"
            for path in self.deployment.system.release.shared
        ]
        text = "\n".join([SHARE.strip(), *calls, SUM_UP])
        return script(head + text, "what outlives a release is linked, the rest is summed up")

    def _environment(self) -> Command:
        requirements = shlex.quote(f"{self.folder}/{self.deployment.system.release.requirements}")
        venvs, folder = shlex.quote(str(self.deployment.layout.venvs)), shlex.quote(self.folder)
        python = shlex.quote(self.deployment.environment.python)
        text = f"""
            key=$({{ {python} -c 'import sys; print(sys.version)'; cat {requirements}; }} | sha256sum | cut -c1-16)
            venv={venvs}/$key
            if [ ! -e "$venv/.complete" ]; then
              rm -rf "$venv"
              mkdir -p {venvs}
              if command -v uv >/dev/null; then
                uv venv -q --python {python} "$venv"
                uv pip install -q --python "$venv/bin/python" -r {requirements}
              else
                {python} -m venv "$venv"
                "$venv/bin/python" -m pip install -q -r {requirements}
              fi
              touch "$venv/.complete"
            fi
            ln -sfn "$venv" {folder}/.venv"""
        return script(text, "one virtual environment for equal requirements and Python", timeout=1800)

    def _builds(self) -> list[Command]:
        scope, secrets = self.deployment.scope(), self.deployment.site.app_secrets()
        return [
            Run(
                tuple(scope.fill(word) for word in task.run),
                cwd=scope.fill(task.cwd),
                env={**self.deployment.environment.env, **task.env},
                secrets=secrets,
                timeout=task.timeout,
                note=f"build: {task.name}",
            )
            for task in self.deployment.system.release.build
        ]

    def _modes(self) -> Command:
        release, folder = self.deployment.system.release, shlex.quote(self.folder)
        lines = [f"cd {folder}"]
        lines += [f"mkdir -p {shlex.quote(path)}\ntest -w {shlex.quote(path)}" for path in release.writable]
        lines += [f"if [ -e {p} ]; then chmod o-rwx,g-w {p}; fi" for p in map(shlex.quote, release.private)]
        return script("\n".join(lines), "writable folders, private files")

    def _mark(self) -> Command:
        mark = {"release": self.deployment.release, "commit": self.deployment.commit, "ref": self.deployment.ref}
        text = f"""
            cd {shlex.quote(self.folder)}
            printf '%s\\n' {shlex.quote(json.dumps(mark))} >.{MARK}.new
            mv .{MARK}.new {MARK}"""
        return script(text, "a folder without this mark is not a release")

    def done(self) -> bool:
        """Whether the folder bears its mark, its files are the commit's, and its environment is whole."""
        wants_venv = "test -e .venv/.complete" if self.deployment.system.release.requirements else "true"
        text = f"""
            cd {shlex.quote(self.folder)} 2>/dev/null || exit 3
            grep -qF {shlex.quote(self.deployment.commit)} {MARK} 2>/dev/null || exit 3
            sha256sum -c {SUMS} >/dev/null 2>&1 || exit 3
            {wants_venv} || exit 3"""
        return self.deployment.site.execute(script(text, exits=frozenset({0, 3}))).exit == 0

    def do(self, progress: Progress) -> Facts:
        if current(self.deployment) == self.deployment.release:
            raise StepFailed(
                f"The current release {self.deployment.release} is damaged: its files differ from {SUMS}. "
                "Deploy another release, or roll back, then deploy this one again."
            )
        sent = deliver(self.deployment, progress)
        for command in self._complete():
            progress.say(command.note)
            self.deployment.site.execute(command)
        return {
            "release": self.deployment.release,
            "commit": self.deployment.commit,
            "folder": self.folder,
            "sent": sent,
        }

    def undo_plan(self) -> list[Command]:
        return []

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        return {}  # the folder stays for a look; it is not current, and pruning takes it later

    def settle(self) -> Facts:
        return prune(self.deployment, self.deployment.system.release.keep)


class SwitchStep(Step):
    """Point `current` at the release, atomically."""

    name = "switch"
    title = "switch to the release"
    each = True

    def before(self) -> Facts:
        """What was current; a first try that was cut off may have switched already."""
        known = self.deployment.facts.get(self.name, {})
        return {"from": known["from"] if "from" in known else current(self.deployment)}

    def plan(self) -> list[Command]:
        return [self._point(self.deployment.release)]

    def _point(self, release: str) -> Command:
        text = f"""
            cd {shlex.quote(str(self.deployment.layout.root))}
            test -e releases/{release}/{MARK}
            ln -sfn releases/{release} .current.new
            mv -Tf .current.new current 2>/dev/null || mv -fh .current.new current"""
        return script(text, f"current -> {release}")

    def done(self) -> bool:
        return current(self.deployment) == self.deployment.release

    def do(self, progress: Progress) -> Facts:
        for command in self.plan():
            self.deployment.site.execute(command)
        return {"to": self.deployment.release}

    def undo_plan(self) -> list[Command]:
        return [self._back(self.deployment.facts.get(self.name, {}))]

    def _back(self, facts: Facts) -> Command:
        """To what was current on this host; where nothing was, the link is taken away."""
        before = facts.get("from", self.deployment.previous)
        if before:
            return self._point(before)
        return script(f"rm -f {shlex.quote(str(self.deployment.layout.current))}", "no release before")

    def undo(self, facts: Facts, progress: Progress) -> Facts:
        self.deployment.site.execute(self._back(facts))
        return {"to": facts.get("from", self.deployment.previous)}


def script(text: str, note: str = "", **options: Any) -> Script:
    return Script(dedent(text).strip(), note=note, **options)


def current(deployment: Any) -> str | None:
    """The release that `current` points at; None when there is none."""
    done = deployment.site.execute(script(f"readlink {shlex.quote(str(deployment.layout.current))} || exit 0"))
    return str(done.out).strip().rpartition("/")[2] or None


def prune(deployment: Any, keep: int) -> Facts:
    """Remove all but the newest releases, never the current one, the one before it, or one that a rollback needs."""
    releases = shlex.quote(str(deployment.layout.releases))
    listing = deployment.site.execute(script(f"cd {releases}\nls -1t */{MARK} | cut -d/ -f1"))
    needed = {deployment.release, deployment.previous, current(deployment)}
    old = [name for name in listing.out.split()[keep:] if name not in needed]
    for name in old:
        folder = shlex.quote(str(deployment.layout.releases / name))
        deployment.site.execute(script(f"mv {folder} {folder}.old\nrm -rf {folder}.old", f"release {name} is old"))
    return {"removed": old}
