"""How things stand: what is deployed, what was, what is owed, who holds the lock."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from deploy import windows
from deploy.errors import ConfigError
from deploy.flow import ROLE
from deploy.journal import Journal
from deploy.lock import Lock
from deploy.owed import signed_off, told
from deploy.question import Answer, Output, Shell, Unanswered
from deploy.reach import HERE
from deploy.record import seconds
from deploy.reports import history as table
from deploy.session import Session, outcome
from deploy.steps.release import current


def row(journal: Journal) -> dict[str, Any]:
    """One deployment as data."""
    opened = journal.records[0]
    keys = ("deployment", "release", "ref", "previous", "by", "phases")
    return {
        **{key: opened[key] for key in keys},
        "at": opened["at"],
        "outcome": outcome(journal),
        "seconds": round(seconds(journal), 1),
    }


def history(session: Session, format: str) -> str:
    """All deployments, newest first."""
    rows = [row(journal) for journal in reversed(session.archive.journals())]
    if format == "json":
        return json.dumps(rows, indent=2)
    _only_text(format)
    if not rows:
        return f"Nothing was deployed to {session.environment.name} yet."
    return table.text(rows, terminal=sys.stdout.isatty())


def verified(session: Session, format: str) -> str:
    """The verdict on the journals' hash chains; raises ConfigError when one does not hold."""
    problems = session.archive.verify()
    count = len(session.archive.paths())
    if format == "json":
        text = json.dumps({"journals": count, "problems": problems}, indent=2)
    else:
        text = "\n".join(problems) or f"{count} journals, every record in its place."
    if problems:
        raise ConfigError(
            text, where=str(session.archive.folder), fix="Compare with a copy; do not deploy on top of it."
        )
    return text


def _only_text(format: str) -> None:
    if format != "text":
        raise ConfigError(f"no format {format!r} here", where="--format", fix="text or json")


def state(session: Session) -> dict[str, Any]:
    """What `deploy.status` knows, as data."""
    journals = session.archive.journals()
    now = current(session.before())
    lock = session.lock("")
    owed = windows.owed(session)
    return {
        "system": session.system.name,
        "environment": session.environment.name,
        "release": now,
        "hosts": releases(session),
        "last": row(journals[-1]) if journals else None,
        "unfinished": cut_off(session),
        "lock": lock_state(lock),
        "owed": [window.row() for window in owed],
        "signed_off": signed.isoformat(timespec="seconds") if (signed := signed_off(owed)) else None,
    }


def releases(session: Session) -> dict[str, str]:
    """Who runs what: the current release of each host that gets releases; why, where that cannot be known."""
    hosts, current = session.site.hosts(ROLE), shlex.quote(str(session.layout.current))
    link = f"if [ -L {current} ]; then readlink {current}; else [ ! -e {current} ]; fi"
    answers = session.site.answer([(host, Shell(link)) for host in hosts])
    return {host: _release(answer) for host, answer in zip(hosts, answers, strict=True)}


def _release(answer: Answer | Unanswered) -> str:
    if isinstance(answer, Unanswered):
        return f"unknown: {answer.why}"
    assert isinstance(answer, Output)
    return answer.out.strip().rpartition("/")[2] or "none"


def fleet_lines(hosts: Mapping[str, str]) -> list[str]:
    """A line for each release that runs somewhere in a fleet; versions that are mixed are said to be."""
    if list(hosts) == [HERE]:
        return []
    groups: dict[str, list[str]] = {}
    for host, release in hosts.items():
        groups.setdefault(release, []).append(host)
    lines = [f"  on {len(names):>3}      {release}: {', '.join(names)}" for release, names in groups.items()]
    mixed = "  MIXED       the hosts do not run one release: deploy again, or roll back"
    return [*lines, *([mixed] if len(groups) > 1 else [])]


def cut_off(session: Session) -> dict[str, str] | None:
    """The deployment, or restore of a backup, that was cut off, and what to do about it."""
    journal = session.unfinished()
    if journal is None:
        return None
    backup = journal.records[0].get("backup")
    do = f"invoke backup.restore --id={backup}" if backup else "invoke deploy.resume, or invoke rollback"
    return {"id": journal.id, "do": do}


def lock_state(lock: Lock) -> dict[str, Any] | None:
    holder = lock.holder()
    return {"holder": str(holder), "alive": lock.alive(holder)} if holder else None


def show(session: Session, format: str) -> str:
    """`deploy.status` as text or JSON."""
    found = state(session)
    if format == "json":
        return json.dumps(found, indent=2)
    _only_text(format)
    lines = [f"{found['system']} in {found['environment']}", f"  release     {found['release'] or 'none'}"]
    lines += fleet_lines(found["hosts"])
    if last := found["last"]:
        lines.append(f"  last        {last['deployment']}: {last['outcome']} ({last['ref']}, by {last['by']})")
    if found["unfinished"]:
        lines.append(f"  cut off     {found['unfinished']['id']}: {found['unfinished']['do']}")
    if lock := found["lock"]:
        lines.append(f"  lock        {lock['holder']}" + ("" if lock["alive"] else " - dead: invoke deploy.unlock"))
    lines += owed_lines(session, found)
    return "\n".join(lines)


def owed_lines(session: Session, found: Mapping[str, Any]) -> list[str]:
    """A line for each window that is owed, and whether the deployment is signed off."""
    lines, clock = [], partial(windows.clock, session)
    for window in found["owed"]:
        line = f"validate.post --window={window['window']}: {window['items']} items, {told(window, clock)}"
        lines.append(f"  owed        {line}")
    if found["owed"]:
        signed = found["signed_off"]
        when = clock(datetime.fromisoformat(signed)) if signed else "not yet: a window is owed"
        lines.append(f"  signed off  {when}")
    return lines
