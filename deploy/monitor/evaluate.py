"""One evaluation of the phase `monitor`. What cannot be asked at all is unknown, and so an alert, never silence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from deploy.checklists.item import Item
from deploy.checklists.signoff import awaiting
from deploy.checklists.waivers import apply as waive
from deploy.errors import DeployError
from deploy.gate import Gate
from deploy.result import Result, Status
from deploy.secret import mask
from deploy.session import Session
from deploy.windows import remembered

PHASE = "monitor"
ASKED = "an answer that can be judged"


def evaluate(session: Session, gate: Gate, known: Iterable[str] = ()) -> list[Result]:
    """The results of the phase's items, as they are now.

    Where nothing can be asked (the control host is not reached, nothing is deployed), each item is unknown, at each of
    the hosts where it is `known` (`item@host`). Raises ConfigError for a checklist without such items.
    """
    items = gate.items(PHASE)
    try:
        deployment, gate.baseline = session.present(), remembered(session)
        return gate.judge(PHASE, session.site, deployment.scope(), items=items)
    except (DeployError, OSError) as error:
        why = mask(str(error))
        found = [result for item in items for result in _unasked(item, session.environment.name, list(known), why)]
        return waive(found, gate.waivers)


def fresh(session: Session) -> Session:
    """The same, with its connections, but with checklist and journals to be read anew."""
    return replace(session)


def _unasked(item: Item, environment: str, known: list[str], why: str) -> list[Result]:
    if item.probe is None or item.signoff:
        return [awaiting(item)]
    result = Result(item.id, item.title, item.phase, item.severity, Status.UNKNOWN, ASKED, why, action=item.action)
    if item.only and environment not in item.only:
        return [replace(result, status=Status.SKIPPED, expected="", found=f"only in {', '.join(item.only)}")]
    hosts = [key.partition("@")[2] for key in known if key.partition("@")[0] == item.id]
    return [replace(result, host=host) for host in hosts or [""]]
