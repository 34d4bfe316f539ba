"""The application's own Python: version, isolation, installed packages, imports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.bounds import version
from deploy.probes.reading import every, words
from deploy.probes.sh import quote
from deploy.question import Output, Shell
from deploy.result import Verdict, judged, unknown
from deploy.scope import Scope

if TYPE_CHECKING:
    from packaging.requirements import Requirement  # loaded where it is used: every command loads this module

Installed = Mapping[str, tuple[str, list[str]]]  # version and requirements of each distribution, by canonical name


class Version(Probe):
    """The interpreter is new enough."""

    name: ClassVar[str] = "python.version"
    example: ClassVar[str] = "python: '{python}'\nat_least: '3.12'"
    python: str = "{python}"
    at_least: str

    def ask(self, scope: Scope) -> Shell:
        code = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
        wanted = f"printf '%s\\n' {quote(scope, self.at_least)}"
        # -S leaves out what `site` does for packages: it takes longer than all else, and changes no version
        return Shell(f"{wanted}\n{quote(scope, self.python)} -S -c {quote(scope, code)}")

    def judge(self, output: Output) -> Verdict:
        wanted, _, found = output.out.strip().partition("\n")
        try:
            return judged(version(found) >= version(wanted), f"at least {wanted}", found)
        except ValueError as error:
            return unknown(f"at least {wanted}", str(error))


class Isolated(Probe):
    """The interpreter belongs to a virtual environment."""

    name: ClassVar[str] = "python.isolated"
    example: ClassVar[str] = "python: '{python}'"
    python: str = "{python}"

    def ask(self, scope: Scope) -> Shell:
        # not with -S: before Python 3.14 it is `site` that tells an interpreter of its virtual environment
        code = "import sys; print(sys.prefix != sys.base_prefix, sys.prefix, sep='\\t')"
        return Shell(f"{quote(scope, self.python)} -c {quote(scope, code)}")

    def judge(self, output: Output) -> Verdict:
        isolated, prefix = words(output)[0]
        return judged(isolated == "True", "a virtual environment", prefix)


class Requirements(Probe):
    """Every requirement of a file, and every requirement of what it installs, is installed in a fitting version."""

    name: ClassVar[str] = "python.requirements"
    example: ClassVar[str] = "python: '{python}'\npath: '{release}/engine/requirements.txt'"
    python: str = "{python}"
    path: str

    def ask(self, scope: Scope) -> Shell:
        call = f"{quote(scope, self.python)} - {quote(scope, self.path)}"
        return Shell(f"{call} <<'PYTHON'\n{INSTALLED}PYTHON", timeout=30)

    def judge(self, output: Output) -> Verdict:
        from packaging.requirements import InvalidRequirement, Requirement
        from packaging.utils import canonicalize_name

        host, expected = json.loads(output.out), "requirements installed"
        installed: Installed = {canonicalize_name(name): found for name, found in host["installed"].items()}
        try:
            wanted = [(line, "the file") for line in requirement_lines(host["text"])]
            states = [_state(Requirement(line), by, installed, host["markers"]) for line, by in wanted]
            below = [(line, name) for name, (_, needs) in installed.items() for line in needs]
            states += [_state(Requirement(line), by, installed, host["markers"]) for line, by in below]
        except (InvalidRequirement, NotImplementedError) as error:
            return unknown(expected, str(error))
        if not wanted:
            return unknown(expected, "the file names no requirement")
        verdict = every(expected, [state for state in states if state[0] != "not needed"], {"installed"})
        return verdict if verdict.status.value != "pass" else judged(True, expected, f"all {len(wanted)} of the file")


def requirement_lines(text: str) -> Iterator[str]:
    """The requirements of a requirements file, without comments, hashes and options.

    Raises NotImplementedError for a line that names another file: what stands there is not known here.
    """
    for line in re.sub(r"\\\n", " ", text).splitlines():
        bare = re.sub(r"(^|\s)#.*|\s--(hash|config-settings?|global-option)[= ]\S+", "", line).strip()
        if re.match(r"-r|-c|-e|--requirement|--constraint|--editable|[./]", bare):
            raise NotImplementedError(f"cannot follow {bare!r}")
        if bare and not bare.startswith("-"):
            yield bare


def _state(wanted: Requirement, by: str, installed: Installed, markers: Mapping[str, str]) -> tuple[str, str]:
    from packaging.utils import canonicalize_name

    if wanted.marker and not wanted.marker.evaluate({**markers, "extra": ""}):
        return "not needed", wanted.name
    found = installed.get(canonicalize_name(wanted.name))
    if found is None:
        return "missing", f"{wanted.name} (for {by})"
    fits = wanted.specifier.contains(found[0], prereleases=True)
    return "installed" if fits else f"{found[0]}, not {wanted.specifier}", f"{wanted.name} (for {by})"


class Imports(Probe):
    """Every module can be imported by the application's interpreter, in its folder, with its environment."""

    name: ClassVar[str] = "python.imports"
    example: ClassVar[str] = "modules: [engine.extraction.run, prisma]\ncwd: '{release}'"
    python: str = "{python}"
    modules: tuple[str, ...] = Field(min_length=1)
    cwd: str = "{release}"

    def ask(self, scope: Scope) -> Shell:
        cd = f"cd {quote(scope, self.cwd)} || exit 3"
        call = f"PYTHONDONTWRITEBYTECODE=1 {quote(scope, self.python)} - {quote(scope, *self.modules)}"
        return Shell(f"{cd}\n{call} <<'PYTHON'\n{IMPORTED}PYTHON", app=True, timeout=60)

    def judge(self, output: Output) -> Verdict:
        lines = [line[1:] for line in words(output) if line[0] == "import"]
        return every("can be imported", lines, {"imported"})


INSTALLED = """\
import json, os, platform, sys
from importlib.metadata import distributions
v = sys.implementation.version
markers = {
    "os_name": os.name, "sys_platform": sys.platform, "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(), "platform_release": platform.release(),
    "platform_system": platform.system(), "platform_version": platform.version(),
    "python_full_version": platform.python_version(), "python_version": "%d.%d" % sys.version_info[:2],
    "implementation_name": sys.implementation.name, "implementation_version": "%d.%d.%d" % v[:3],
}
installed = {d.metadata["Name"]: [d.version, d.requires or []] for d in distributions() if d.metadata["Name"]}
text = open(sys.argv[1], encoding="utf-8").read()
print(json.dumps({"installed": installed, "markers": markers, "text": text}))
"""

IMPORTED = """\
import importlib, sys
sys.path.insert(0, "")
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        state = "imported"
    except Exception as error:
        state = type(error).__name__
    print("import", state, name, sep="\\t")
"""
