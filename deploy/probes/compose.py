"""Docker Compose on a host: its version, and whether it can read a release's files."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from deploy.compose import FIND
from deploy.probes.base import Probe
from deploy.probes.bounds import version
from deploy.probes.sh import quote
from deploy.question import Output, Shell
from deploy.result import Verdict, judged, unknown
from deploy.scope import Scope


class Version(Probe):
    """Compose is there, as a plugin of Docker's client or by itself, and new enough."""

    name: ClassVar[str] = "compose.version"
    example: ClassVar[str] = "at_least: '2'"
    at_least: str

    def ask(self, scope: Scope) -> Shell:
        return Shell(f"{FIND}\nprintf '%s\\n' \"$compose\"\n$compose version --short", timeout=30)

    def judge(self, output: Output) -> Verdict:
        command, _, found = output.out.strip().partition("\n")
        try:
            holds = version(found.removeprefix("v")) >= version(self.at_least)
        except ValueError as error:
            return unknown(f"at least {self.at_least}", str(error))
        return judged(holds, f"at least {self.at_least}", f"{found.removeprefix('v')} ({command})")


class Config(Probe):
    """Compose reads the files without a complaint, and finds every service in them."""

    name: ClassVar[str] = "compose.config"
    example: ClassVar[str] = "folder: '{release}'\nfiles: [docker-compose.yaml]\nservices: [postgres, redis]"
    folder: str = "{release}"
    files: tuple[str, ...] = Field(("docker-compose.yaml",), min_length=1)
    env_file: str | None = None
    services: tuple[str, ...] = ()

    def ask(self, scope: Scope) -> Shell:
        files = " ".join(f"-f {quote(scope, file)}" for file in self.files)
        env_file = f"--env-file {quote(scope, self.env_file)}" if self.env_file else ""
        call = f"$compose --project-directory . {env_file} {files}"
        return Shell(
            f"""{FIND}
command -v docker >/dev/null || command -v docker-compose >/dev/null || {{ echo 'docker: not found' >&2; exit 127; }}
cd {quote(scope, self.folder)} || exit 3
for file in {quote(scope, *self.files)} {quote(scope, self.env_file) if self.env_file else ""}; do
  if [ -e "$file" ] && [ ! -r "$file" ]; then echo "$file: Permission denied" >&2; exit 3; fi
done
if said=$({call} config -q 2>&1); then {call} config --services || exit 3
else code=$?; [ $code -lt 126 ] || exit $code; printf 'refused\\n%s\\n' "$said"; fi""",
            app=True,
            timeout=60,
        )

    def judge(self, output: Output) -> Verdict:
        expected = "Compose reads it" + f", with {', '.join(self.services)}" * bool(self.services)
        first, *rest = output.out.splitlines() or [""]
        if first == "refused":
            return judged(False, expected, (rest or ["refused"])[-1], "\n".join(rest))
        missing = sorted(set(self.services) - {first, *rest})
        found = f"without {', '.join(missing)}" if missing else f"{len([first, *rest])} services"
        return judged(not missing, expected, found, output.out)
