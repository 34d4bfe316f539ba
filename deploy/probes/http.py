"""What a web address answers."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.bounds import Regex
from deploy.question import Http, Response
from deploy.result import Verdict, failed, judged, unknown
from deploy.scope import Scope


class Answers(Probe):
    """An address answers with the right status, and with a body that matches."""

    name: ClassVar[str] = "http.answers"
    example: ClassVar[str] = "url: 'http://localhost:8080/health'\nmatches: '\"status\": *\"healthy\"'"
    url: str
    status: int = 200
    matches: Regex | None = None
    timeout: float = Field(10.0, gt=0)

    def ask(self, scope: Scope) -> Http:
        return Http(scope.fill(self.url), timeout=self.timeout)

    def judge(self, response: Response) -> Verdict:
        expected = f"status {self.status}" + (f", a body matching /{self.matches}/" if self.matches else "")
        body = response.body[:500]
        if response.status in (401, 403) and response.status != self.status:
            return unknown(expected, f"we may not ask: status {response.status}", body)
        if response.status != self.status:
            return failed(expected, f"status {response.status}", body)
        matching = self.matches is None or bool(re.search(self.matches, response.body, re.MULTILINE))
        return judged(matching, expected, f"status {response.status}" + ", no match" * (not matching), body)
