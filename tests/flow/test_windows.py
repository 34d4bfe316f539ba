"""The days after a deployment, through the command line: windows, what is owed, and people's signatures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from deploy.journal import START, Journal, digest
from deploy.lock import Lock
from tests.flow.test_command_line import assert_told
from tests.flow.world import World

pytestmark = pytest.mark.live

OWED = "still-coming"


def backdate(world: World, span: timedelta) -> None:
    """Have the only deployment have happened that much earlier, its journal whole."""
    (path,) = world.archive.paths()
    journal, previous = Journal.open(path), START
    records = []
    for record in journal.records:
        at = datetime.fromisoformat(record["at"]) - span
        moved = {**record, "at": at.isoformat(timespec="milliseconds"), "prev": previous}
        moved["hash"] = previous = digest(moved)
        records.append(moved)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    path.with_suffix(".head").write_text(json.dumps({"seq": records[-1]["seq"], "hash": previous}))
    assert world.archive.verify() == []


def change(world: World, old: str, new: str) -> None:
    path = world.systems / "tiny" / "checklist.md"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def owed(world: World) -> dict[str, Any]:
    found = json.loads(world.invoke("deploy.status", "--format=json").stdout)
    return {**{row["window"]: row for row in found["owed"]}, "signed": found["signed_off"]}


def judged(world: World, *words: str, code: int = 0) -> dict[str, Any]:
    done = world.invoke("validate.post", "--format=json", *words)
    assert done.returncode == code, done.stdout + done.stderr
    found = json.loads(done.stdout)
    return {**found, "by": {row["item"]: row for row in found["results"]}}


@pytest.fixture
def aged(world: World) -> Callable[[timedelta], World]:
    """The world with its deployment so long ago, in which the day's item can hold."""
    change(world, "at_least: 1000", "at_least: 40")

    def make(span: timedelta) -> World:
        backdate(world, span)
        return world

    return make


def test_a_part_of_a_window_is_unknown_unless_it_is_enough(aged: Callable[[timedelta], World]) -> None:
    world = aged(timedelta(hours=6, minutes=1))
    day = judged(world, "--window=24h", code=6)
    assert day["by"]["mean-value"]["status"] == "pass"
    assert day["by"][OWED]["status"] == "unknown"
    assert re.match(r"6h \d+m of 24h have passed; so far pass: 40", day["by"][OWED]["found"])
    assert (day["window"], int(day["passed"]) // 3600) == ("24h", 6)
    assert_told(world.invoke("validate.post", "--window=24h"), 6, "have passed (2")
    assert (owed(world)["1h"]["state"], owed(world)["24h"]["state"]) == ("done", "waiting")
    change(world, "  due: 24h", "  due: 24h\n  enough: 6h")
    assert judged(world, "--window=24h", "--since=5h", code=6)["by"][OWED]["status"] == "unknown"
    assert judged(world, "--window=24h")["by"][OWED]["status"] == "pass"
    assert owed(world)["24h"]["state"] == "done"


def test_a_deployment_is_signed_off_when_its_last_window_holds(aged: Callable[[timedelta], World]) -> None:
    world = aged(timedelta(hours=25))
    before = owed(world)
    assert (before["1h"]["state"], before["24h"]["state"], before["signed"]) == ("overdue", "due", None)
    assert_told(world.invoke("deploy.status"), 0, "OVERDUE, it was over at", "not yet: a window is owed")
    done = world.invoke("validate.due")
    assert_told(done, 6, "24h after deployment", "The window 1h was missed")
    after = owed(world)
    assert (after["1h"]["state"], after["24h"]["state"]) == ("done", "done")
    assert after["signed"] == after["24h"]["judged"] is not None
    assert_told(world.invoke("deploy.status"), 0, "signed off", "done at")
    assert_told(world.invoke("validate.due"), 0, "every window was judged")
    journal = world.archive.journals()[-1]
    kept = journal.last("checked")
    assert kept and (kept["phase"], kept["window"]) == ("validate.post", "24h")
    report = world.control / "reports" / journal.id / "report.md"
    assert "validate.post after 24h" in report.read_text() and "Signed off at" in report.read_text()
    assert world.archive.verify() == []


def test_a_window_that_does_not_hold_fails_until_it_does(aged: Callable[[timedelta], World]) -> None:
    world = aged(timedelta(hours=25))
    change(world, "at_least: 40", "at_least: 1000")
    judged(world, "--window=24h", code=6)
    assert owed(world)["24h"] == owed(world)["24h"] | {"state": "failed", "open": [OWED]}
    assert_told(world.invoke("validate.due"), 6, f"The window 24h does not hold: {OWED}.")
    change(world, "at_least: 1000", "at_least: 40")
    judged(world, "--window=24h")
    assert owed(world)["24h"]["state"] == "done"


def test_nothing_is_kept_while_somebody_deploys(world: World) -> None:
    with Lock(world.control, "another"):
        done = world.invoke("validate.post")
    assert_told(done, 5, "not kept: Held by", "deploying another")
    assert len(list(world.archive.journals()[-1].all("checked", window="1h"))) == 0
    assert_told(world.invoke("validate.post"), 0, "report: ")
    assert len(list(world.archive.journals()[-1].all("checked", window="1h"))) == 1


def test_a_clock_that_ran_ahead_makes_nothing_pass(aged: Callable[[timedelta], World]) -> None:
    world = aged(timedelta(hours=-2))
    day = judged(world, "--window=24h", code=6)
    assert (day["by"][OWED]["status"], day["passed"]) == ("unknown", "0")
    assert owed(world)["1h"]["state"] == "waiting"


ROLES = """
- [ ] Who leads has read the numbers
  ```yaml
  id: lead
  due: 24h
  signoff: lead
  ```
- [ ] Somebody stands by
  ```yaml
  id: stand-in
  signoff: backup operator
  ```
- [ ] The mean was looked at
  ```yaml
  id: mean-read
  due: 24h
  signoff: true
  probe: sql.value
  sql: select avg(value) from record where load_id = :load_id
  above: 0
  ```

## rollback
"""


def test_signatures_come_later_and_count(aged: Callable[[timedelta], World]) -> None:
    world = aged(timedelta(hours=25))
    change(world, "\n## rollback\n", ROLES)
    strict = {"DEPLOY_ENV": "strict"}
    assert_told(world.invoke("signoff", "mean-read", "--by=Ada B."), 6, "was not judged yet", "--window=24h")
    judged(world, "--window=24h")
    assert owed(world)["24h"]["state"] == "done"  # here sign-offs are only shown
    status = world.invoke("deploy.status", **strict)
    assert_told(status, 0, "FAILED at", "lead, mean-read")
    for words, code, told in (
        (["mean-raed", "--by=Ada B."], 2, "did you mean 'mean-read'?"),
        (["still-coming", "--by=Ada B."], 2, "proven by a probe"),
        (["lead", "--by=TODO"], 2, "names nobody"),
        (["lead", "--by=Ada B.", "--note=in the evening"], 0, "lead is signed by Ada B."),
        (["lead", "--by=Bob C."], 2, "signed already, by Ada B."),
        (["stand-in", "--by=ada  b."], 2, "Ada B. signed as lead; backup operator must be somebody else"),
        (["stand-in", "--by=Bob C.", "--id=latest"], 0, "stand-in is signed by Bob C."),
        (["mean-read", "--by=Ada B."], 0, "mean-read is signed by Ada B."),
    ):
        assert_told(world.invoke("signoff", *words), code, told)
    assert_told(world.invoke("deploy.status", **strict), 0, "signed off  20")
    journal = world.archive.journals()[-1]
    assert [record["item"] for record in journal.all("signed")] == ["lead", "stand-in", "mean-read"]
    assert world.archive.verify() == []
    report = (world.control / "reports" / journal.id / "report.md").read_text()
    assert "- [x] The mean was looked at" in report and "in the evening" in report
    assert judged(world, "--window=24h")["by"]["lead"]["status"] == "pass"


def test_nobody_signs_away_what_does_not_hold(aged: Callable[[timedelta], World]) -> None:
    world = aged(timedelta(hours=25))
    change(world, "\n## rollback\n", ROLES.replace("above: 0", "above: 1000000"))
    judged(world, "--window=24h", code=6)
    assert_told(
        world.invoke("signoff", "mean-read", "--by=Ada B."), 6, "mean-read is fail", "Nobody can sign that away"
    )
