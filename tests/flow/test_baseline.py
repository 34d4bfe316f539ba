"""What is measured before a deployment, and compared with what comes after."""

from __future__ import annotations

import pytest

from deploy.checking import everything
from deploy.monitor.evaluate import evaluate
from deploy.operate import Options, check
from deploy.result import Status
from tests.flow.test_windows import change, judged
from tests.flow.world import World

pytestmark = pytest.mark.live

ITEMS = """
- [ ] Values are no higher than before
  ```yaml
  id: values
  probe: sql.samples
  due: 1h
  sql: select value from record
  against: baseline
  ```
- [ ] No fewer values are positive
  ```yaml
  id: positive
  probe: sql.proportion
  due: 1h
  sql: select count(*) filter (where value > 0), count(*) from record
  against: baseline
  ```
- [ ] Nobody can ask this
  ```yaml
  id: gone
  severity: info
  probe: sql.samples
  due: 1h
  sql: select 1 from gone
  against: baseline
  ```

## monitor

- [ ] Values are watched
  ```yaml
  id: watched
  probe: sql.samples
  sql: select value from record
  against: baseline
  ```

## rollback
"""


def test_a_deployment_is_compared_with_what_was_before_it(world: World) -> None:
    change(world, "\n## rollback\n", ITEMS)
    before = judged(world, code=6)["by"]
    assert (before["values"]["status"], before["positive"]["status"]) == ("unknown", "unknown")
    assert before["values"]["found"] == "nothing was measured before the deployment"
    journal = world.deploy("v2")
    kept = journal.last("baseline")
    assert kept and len(kept["numbers"]["values"]) == 40 and kept["numbers"]["positive"][1] == 40
    assert set(kept["lacking"]) == {"gone"}
    after = judged(world)["by"]
    assert {name: after[name]["status"] for name in ("values", "positive", "gone")} == {
        "values": "pass",
        "positive": "pass",
        "gone": "unknown",
    }
    session = world.session()
    whole = {row.item: row for _, found, _ in everything(session, session.gate(), "1h")[0] for row in found}
    (watched,), ((checked,), is_open, _) = evaluate(session, session.gate()), check(session, "monitor", Options())
    assert {row.status for row in (whole["values"], watched, checked)} == {Status.PASS} and is_open
    with world.server.superuser(world.name) as connection:
        connection.execute("update record set value = 1000 + value")
    assert judged(world, code=6)["by"]["values"]["status"] == "fail"
    with world.server.superuser(world.name) as connection:
        connection.execute("update record set value = -value")
    assert judged(world, code=6)["by"]["positive"]["status"] == "fail"
