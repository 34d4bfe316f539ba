"""What is measured before a deployment: of all hosts together, and nothing where one of them does not answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.baseline import against, measure
from deploy.checklists.checklist import parse
from deploy.question import Answer, Output, Rows, Shell, Sql, Unanswered
from deploy.scope import Scope
from deploy.site import Asked, Site
from deploy.system import Environment

ITEMS = parse(
    """
## validate.post

- [ ] It takes no longer
  ```yaml
  id: took
  severity: info
  probe: logs.samples
  paths: [/var/log/app.log]
  field: seconds
  at_least: 2
  ```
- [ ] It costs no more
  ```yaml
  id: cost
  severity: info
  probe: sql.samples
  sql: select 1
  at_least: 2
  ```
- [ ] A release says so
  ```yaml
  id: release
  severity: info
  probe: logs.samples
  paths: ["{release}/app.log"]
  field: seconds
  ```
""",
    Path("checklist.md"),
).items


class Heard(Site):
    """Answers as told: each host has logged one number, but for those that are silent."""

    def __init__(self, *silent: str) -> None:
        self.silent = silent
        hosts = {"app": ["a@one", "a@two"]}
        super().__init__(Environment.model_validate({"name": "t", "root": "/r", "repository": "", "hosts": hosts}))

    def answer(self, asked: Sequence[Asked]) -> list[Answer | Unanswered]:
        assert [host for host, question in asked if isinstance(question, Shell)] == ["a@one", "a@two"]
        assert [host for host, question in asked if isinstance(question, Sql)] == ["localhost"]
        lines = {"a@one": 'since \n{"seconds": 1.5}\n', "a@two": 'since \n{"seconds": 2, "more": true}\nno\n'}
        return [
            Unanswered("gone") if host in self.silent else Output(0, lines[host]) if host in lines else Rows((((7,),),))
            for host, _ in asked
        ]


def test_hosts_are_measured_together() -> None:
    found = measure(ITEMS, Heard(), Scope())
    assert found == {"numbers": {"took": [1.5, 2.0], "cost": [7.0]}, "lacking": {"release": "nothing was asked"}}
    probes = {item.id: item.probe for item in against(ITEMS, found["numbers"])}
    assert [getattr(probes[name], "against", None) for name in probes] == [(1.5, 2.0), (7.0,), "baseline"]


@pytest.mark.parametrize("silent", ["a@one", "a@two"])
def test_a_host_that_does_not_answer_leaves_no_baseline(silent: str) -> None:
    found = measure(ITEMS, Heard(silent), Scope())
    assert found == {"numbers": {"cost": [7.0]}, "lacking": {"took": "gone", "release": "nothing was asked"}}
