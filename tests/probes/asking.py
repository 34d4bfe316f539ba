"""Situations: what a probe is asked, of what, and how it must be judged.

Each situation is made for real and asked through the channels by the tests marked `live`; with `RECORD=1` those write
the answers to `tests/recorded/<probe>/<case>.json`, from which all other tests are run.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from deploy.channels.shell import Surroundings, answer
from deploy.channels.transport import Local
from deploy.probes import known_probes
from deploy.probes.base import Probe
from deploy.question import Answer, Data, Output, Question, Reply, Response, Rows, Shell, Unanswered
from deploy.result import Status, Verdict, unknown
from deploy.scope import Scope
from deploy.secret import Secret

RECORDED = Path(__file__).parent.parent / "recorded"
PASS, FAIL, UNKNOWN, SKIPPED = Status.PASS, Status.FAIL, Status.UNKNOWN, Status.SKIPPED
KINDS = {
    "output": Output,
    "rows": Rows,
    "reply": Reply,
    "response": Response,
    "data": Data,
    "unanswered": Unanswered,
}
OURS = ("at", "within")  # when we asked: no part of what a host says
ROOT = "/srv/engine"  # what the folder of a situation is called in a recording
# fmt: off
TOOLS = [
    "awk", "cat", "cmp", "crontab", "cut", "date", "dd", "df", "dirname", "env", "find", "git", "grep", "gzip", "head",
    "id", "ls", "mkdir", "mktemp", "ps", "rm", "sed", "sh", "sha256sum", "sort", "systemctl", "tail", "tr", "wc",
]
# fmt: on
AS_NOBODY = """
import os, sys
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.execv("/bin/sh", ["sh", "-c", sys.argv[1]])
"""


@dataclass(frozen=True)
class Situation:
    """`as_nobody` asks as a user without rights; `without` are tools that the host lacks."""

    probe: str
    case: str
    status: Status
    parameters: Mapping[str, Any] = field(default_factory=dict)
    as_nobody: bool = False
    without: tuple[str, ...] = ()
    since: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.probe}-{self.case}"

    @property
    def file(self) -> Path:
        return RECORDED / self.probe / f"{self.case}.json"

    def made(self) -> Probe:
        return known_probes()[self.probe].model_validate(self.parameters)

    def scope(self, root: str) -> Scope:
        names = {name: f"{root}/{name}" for name in ("release", "shared", "releases", "current", "backups", "system")}
        names |= {"root": root, "repository": f"{root}/repository", "commit": "HEAD", "python": sys.executable}
        names |= {"trial_run": "trial-of-the-tests", "control": f"{root}/.deploy", "deployment": "none"}
        return Scope(names, datetime.fromisoformat(self.since) if self.since else None)


def asked(probe: Probe, scope: Scope) -> tuple[Question, ...]:
    questions = probe.ask(scope)
    return questions if isinstance(questions, tuple) else (questions,)


def judge(probe: Probe, answers: Sequence[Answer | Unanswered]) -> Verdict:
    """As the toolkit does it: what was not answered is unknown, and the probe is not bothered."""
    for one in answers:
        if isinstance(one, Unanswered):
            return unknown("", one.why, one.evidence)
    return probe.judge(*answers)


def ask_shell(situation: Situation, question: Shell, folder: Path) -> Output | Unanswered:
    """Ask a question of this machine for real, in the surroundings that the situation wants."""
    script = question.script
    if situation.without:
        script = f"PATH={shlex.quote(str(tools_without(folder, situation.without)))}\n{script}"
    if situation.as_nobody:
        script = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(AS_NOBODY)} {shlex.quote(script)}"
    surroundings = Surroundings(secrets={name: Secret(value) for name, value in situation.env.items()})
    return answer([dataclasses.replace(question, script=script)], Local(), surroundings)[0]


def check_without_tools(situation: Situation, question: Shell, folder: Path) -> None:
    """Whichever tool is missing: the verdict is the same, or unknown, never another one."""
    used = [tool for tool in TOOLS if re.search(rf"\b{tool}\b", question.script)]
    for tool in used if not situation.without and situation.status is not UNKNOWN else []:
        poorer = dataclasses.replace(situation, without=(tool,))
        verdict = judge(situation.made(), [ask_shell(poorer, question, folder)])
        assert verdict.status in (situation.status, UNKNOWN), f"without {tool}: {verdict}"


def tools_without(folder: Path, missing: Sequence[str]) -> Path:
    """A folder of all the tools that our scripts use, but the missing ones."""
    place = folder / ("without-" + "-".join(missing))
    place.mkdir(exist_ok=True)
    for tool in set(TOOLS) - set(missing):
        found, link = shutil.which(tool), place / tool
        if found and not link.is_symlink():
            link.symlink_to(found)
    return place


def check(situation: Situation, answers: Sequence[Answer | Unanswered], root: Path | str = ROOT) -> Verdict:
    """Judge real answers; with RECORD=1 keep them."""
    answers = [dataclasses.replace(one, took=round(one.took, 3)) for one in answers]
    verdict = judge(situation.made(), answers)
    assert verdict.status is situation.status, f"{verdict}\n{answers}"
    if os.environ.get("RECORD"):
        keep(situation, answers, verdict, str(root))
    return verdict


def keep(situation: Situation, answers: Sequence[Answer | Unanswered], verdict: Verdict, root: str) -> None:
    text = {
        "probe": situation.probe,
        "parameters": situation.parameters,
        "status": verdict.status.value,
        "found": verdict.found,
        "answers": [encoded(one) for one in answers],
    }
    situation.file.parent.mkdir(parents=True, exist_ok=True)
    plain = json.dumps(text, indent=2, default=_plain, ensure_ascii=False).replace(root, ROOT)
    plain = plain.replace(sys.executable, "/srv/python").replace(sys.prefix, "/srv/venv")
    plain = plain.replace(sys.base_prefix, "/usr")
    situation.file.write_text(plain + "\n", encoding="utf-8")


def encoded(one: Answer | Unanswered) -> dict[str, Any]:
    kind = next(name for name, type_ in KINDS.items() if isinstance(one, type_))
    values = {item.name: getattr(one, item.name) for item in dataclasses.fields(one)}
    return {"kind": kind, **{name: value for name, value in values.items() if name not in OURS}}


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    return dict(value) if isinstance(value, Mapping) else str(value)


def decoded(text: Mapping[str, Any]) -> Answer | Unanswered:
    values = {key: value for key, value in text.items() if key != "kind"}
    if text["kind"] == "rows":
        values["sets"] = tuple(tuple(tuple(map(_value, row)) for row in rows) for rows in values["sets"])
        values["columns"] = tuple(map(tuple, values["columns"]))
    found: Answer | Unanswered = KINDS[text["kind"]](**values)
    return found


def _value(value: Any) -> Any:
    return Decimal(value["decimal"]) if isinstance(value, dict) and "decimal" in value else value
