"""The runbook of one environment: commands to paste, thresholds, signatures and contacts, from what deployments use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deploy import duration, hours, outlook, plain
from deploy.checklists.item import Item
from deploy.errors import ConfigError, together
from deploy.owed import PHASE
from deploy.probes.bounds import Limits
from deploy.probes.yamlfiles import PLACEHOLDER
from deploy.reach import HERE
from deploy.reports.markdown import table
from deploy.secret import mask
from deploy.session import Session

TEMPLATES = Path(__file__).with_name("templates")
MONITOR = "monitor"


def runbook(session: Session, ref: str | None = None) -> str:
    """The runbook as Markdown. Raises ConfigError for contacts that are still to be filled in, naming all of them."""
    import jinja2

    require_contacts(session.environment.contacts)
    loader = jinja2.FileSystemLoader(TEMPLATES)
    pages = jinja2.Environment(
        loader=loader,
        autoescape=jinja2.select_autoescape(["html"]),  # this is Markdown: what comes from elsewhere goes through md
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return mask(pages.get_template("runbook.md.j2").render(known(session, ref))) + "\n"


def require_contacts(contacts: Mapping[str, str]) -> None:
    empty = [name for name, reached in contacts.items() if re.search(PLACEHOLDER, reached.strip())]
    if empty:
        fix = "Write who is called, and how."
        raise together([ConfigError("a placeholder", where=f"contacts.{name}", fix=fix) for name in empty])


def known(session: Session, ref: str | None) -> dict[str, Any]:
    """All that the page tells."""
    place, items = session.environment, applying(session)
    owed = [item for item in items if item.phase == PHASE]
    signed = [item for item in items if item.signoff and item.phase != "rollback"]
    return {
        "system": session.system,
        "name": place.name,
        "invoke": "invoke",
        "command": lambda words: f"invoke {words} --system={session.system.name} --env={place.name}",
        "md": plain.markdown,
        "table": table,
        "ref": ref or place.ref,
        "facts": list(facts(session)),
        "contacts": [{"Who": name, "Reached": reached} for name, reached in place.contacts.items()],
        "window_rows": list(window_rows(owed)),
        "windows": spans(owed),
        "thresholds": [threshold(item) for item in owed if item.probe and not item.signoff],
        "alerts": [threshold(item) for item in items if item.phase == MONITOR and item.probe],
        "signatures": [signature(item) for item in signed],
        "signable": [item for item in signed if item.probe is None],
        "control": session.layout.control,
        "control_host": _host(session.site.reach.control),
        "plan": outlook.plan(session, ref),
    }


def applying(session: Session) -> list[Item]:
    """The items that are asked in this environment."""
    name = session.environment.name
    return [item for item in session.checklist.items if not item.only or name in item.only]


def facts(session: Session) -> Iterator[dict[str, Any]]:
    """Where this environment is; addresses of databases are secrets, and only named."""
    place = session.environment
    told = {
        "Root folder": place.root,
        "Repository": re.sub("//[^/@]*@", "//", place.repository),  # a user's password has no place here
        "Deployed unless told otherwise": place.ref,
        **{f"Hosts: {role}": ", ".join(named) for role, named in place.hosts.items()},
        "Databases": ", ".join(place.databases),
        "Hours": hours.text(place.hours) if place.hours else "any",
        "Operator": place.operator or "whoever runs the command",
        "Signatures": "hold the gate" if place.signoffs == "hold" else "are shown, and hold nothing up",
        "Phases": ", ".join(session.system.phases),
    }
    yield from ({"What": key, "Value": value} for key, value in told.items() if value)


def _host(host: str) -> str:
    return "this machine" if host == HERE else host


def spans(owed: list[Item]) -> list[str]:
    """The windows, the soonest first, each by the name that its items use."""
    named = {duration.parse(item.due): item.due for item in owed if item.due}
    return [name for _, name in sorted(named.items())]


def window_rows(owed: list[Item]) -> Iterator[dict[str, Any]]:
    for window in spans(owed):
        items = [item for item in owed if item.due == window]
        yield {
            "Window": window,
            "Items": len(items),
            "Critical": sum(item.severity == "critical" for item in items),
            "Signed by people": sum(item.signoff for item in items),
        }


def threshold(item: Item) -> dict[str, Any]:
    """An item with its bound, where it has one, and what a person does when it does not hold."""
    bound = item.probe.text(getattr(item.probe, "unit", "")) if isinstance(item.probe, Limits) else ""
    return {
        "Item": item.title,
        "Holds when": bound or "as the item says",
        "Severity": item.severity.value,
        **({"Due": item.due or "at once"} if item.phase == PHASE else {}),
        "What to do": item.action,
    }


def signature(item: Item) -> dict[str, Any]:
    return {"Item": item.id, "What is signed": item.title, "Due": item.due or "before", "Role": item.role or "anybody"}
