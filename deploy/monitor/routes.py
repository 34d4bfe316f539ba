"""Where messages go: one Apprise URL is one route. Its URL is a secret and is never shown, whatever happens."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from deploy.endpoints import Alerts
from deploy.result import Severity
from deploy.secret import Secret

KEY = 12  # hexadecimal digits by which the state knows a route
CODE = re.compile(r"error=(\d{3})\b")
NO = "Apprise knows no such URL"


@dataclass(frozen=True)
class Route:
    """One way to reach people; `shown` names it without giving anything away."""

    url: Secret
    severities: tuple[Severity, ...]

    @property
    def key(self) -> str:
        return hashlib.sha256(self.url.reveal().encode()).hexdigest()[:KEY]

    @property
    def shown(self) -> str:
        scheme, found, _ = self.url.reveal().partition("://")
        known = scheme if found and re.fullmatch(r"[a-z0-9]{1,16}", scheme) else "?"
        return f"{known}://*** ({', '.join(self.severities)})"


Send = Callable[[Route, str, str, str], str]


def routes(alerts: Alerts) -> list[Route]:
    """Every route once, with the severities that it carries."""
    urls = dict.fromkeys(url for severity in Severity for url in alerts.urls(severity))
    return [Route(url, tuple(one for one in Severity if url in alerts.urls(one))) for url in urls]


def send(route: Route, title: str, body: str, tone: str) -> str:
    """Send one message; why it was not taken, or an empty text. `tone` is Apprise's: failure, warning, info, success.

    What the library says about a failure may hold parts of the URL, so only an HTTP status is taken from it.
    """
    import apprise

    service = apprise.Apprise()
    with apprise.LogCapture(level=apprise.logging.WARNING) as said, warnings.catch_warnings():  # type: ignore[no-untyped-call]
        warnings.simplefilter("ignore", DeprecationWarning)  # of its plugins, which it loads when it first needs one
        if not service.add(route.url.reveal()):
            return NO
        try:
            taken = service.notify(body=body, title=title, notify_type=tone, body_format=apprise.NotifyFormat.TEXT)
        except Exception as error:  # noqa: BLE001 - a plugin's defect is a failed route, no reason to lose the others
            return f"not sent: {type(error).__name__}"
        status = CODE.search(said.getvalue())
    if taken:
        return ""
    return f"not accepted: HTTP {status[1]}" if status else "not reached, or not accepted"
