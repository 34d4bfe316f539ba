"""What deployments owe, kept by the monitor: a window is judged when it is over; one that fails or is missed alerts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from deploy import windows
from deploy.errors import DeployError
from deploy.operate import Options
from deploy.owed import DUE, FAILED, OVERDUE, Window
from deploy.result import Result, Severity, Status
from deploy.secret import mask
from deploy.session import Session

WINDOW = "window-"  # and its span: the item of a window
BY = "monitor"


def obligations(session: Session, now: datetime, known: Iterable[str] = ()) -> list[Result]:
    """Judge the windows that are over, keep what was found, and tell how each window stands.

    What cannot be asked is tried again the next time; it fails once it is overdue. Where nothing at all is known of the
    deployment, the windows that are `known` (`item@host`) are unknown.
    """
    try:
        missed = [each for each in windows.due(session, now) if each.state == OVERDUE]
        why = judged(session, windows.due(session, now))
        return [_result(session, each, why, missed) for each in windows.owed(session, now)]
    except (DeployError, OSError) as error:
        items = [key.partition("@")[0] for key in known if key.startswith(WINDOW)]
        return [_made(item.removeprefix(WINDOW), Status.UNKNOWN, mask(str(error))) for item in items]


def judged(session: Session, due: Sequence[Window]) -> str:
    """Judge the longest window, with all before it; why it could not be, where it could not."""
    if not due:
        return ""
    try:
        windows.keep(session, windows.judge(session, Options(by=BY), due[-1].window))
    except (DeployError, OSError) as error:
        return mask(str(error))
    return ""


def _result(session: Session, window: Window, why: str, missed: Sequence[Window]) -> Result:
    over = windows.clock(session, window.due)
    if window.state == FAILED:
        return _made(window.window, Status.FAIL, f"does not hold: {', '.join(window.open)}")
    if window.state == OVERDUE or window.window in {each.window for each in missed}:
        return _made(window.window, Status.FAIL, f"missed, it was over at {over}{f'; {why}' if why else ''}")
    told = f"due since {over}, tried again: {why}" if window.state == DUE else f"{window.state}, over at {over}"
    return _made(window.window, Status.PASS, told)


def _made(window: str, status: Status, found: str) -> Result:
    return Result(
        WINDOW + window,
        f"What is owed {window} after the deployment was judged, and holds",
        "monitor",
        Severity.CRITICAL,
        status,
        expected="judged in time, nothing critical open",
        found=found,
        action=f"Read the report, then judge again: invoke validate.post --window={window}",
    )
