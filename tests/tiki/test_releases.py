"""A good release that is taken back with its data, and releases that are broken on purpose: one a day."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from deploy.backups.content import differences
from tests.points import todays
from tests.tiki.stack import STORES, Production, Stack

pytestmark = pytest.mark.live


def second_release_and_back(stack: Stack) -> None:
    """Everything is what it was: content by checksum, pauses, variables; the stores were never made anew."""
    before, content = stack.production(), stack.content()
    stack.invoke("deploy.compose")
    assert (stack.release, set(stack.mounted().values())) == (stack.id_of("v2"), {stack.id_of("v2")})
    stack.idle()
    assert stack.value("select count(price_category) from products") > 0
    stack.invoke("rollback", "--database", "restore")
    assert differences(content, stack.content()) == []
    assert remains(before, stack.production())


def broken(stack: Stack, branch: str, item: str, code: int = 3) -> None:
    """The deployment ends because of this, and what ran before runs on."""
    before = stack.production()
    said = stack.invoke("deploy.compose", "--ref", f"broken/{branch}", code=code)
    assert item in stack.records("failed")[0]["reason"], said
    assert remains(before, stack.production())


def slow_crawl(stack: Stack) -> None:
    """A warning closes no gate: it is deployed, and said to need fixes."""
    before = stack.production()
    said = stack.invoke("deploy.compose", "--ref", "broken/slow-crawl")
    assert stack.result("crawl-rate")["status"] == "fail"
    assert "needs fixes" in said
    stack.idle()
    stack.invoke("rollback")
    assert remains(before, stack.production())


def remains(before: Production, after: Production) -> bool:
    """Whether what ran runs: the release and its services, the stores' very containers, pauses, variables, rows."""
    assert (after.release, after.mounted) == (before.release, before.mounted)
    assert (after.pauses, after.variables) == (before.pauses, before.variables)
    assert {name: after.containers[name] for name in STORES} == {name: before.containers[name] for name in STORES}
    return after.products >= before.products


CASES: dict[str, Callable[[Stack], None]] = {
    "dag-import-error": partial(broken, branch="dag-import-error", item="dag-imports"),
    "loads-nothing": partial(broken, branch="loads-nothing", item="products-arrived"),
    "second-release": second_release_and_back,
    "worker-unhealthy": partial(broken, branch="worker-unhealthy", item="airflow-worker"),
    "missing-column": partial(broken, branch="missing-column", item="barcode"),
    "slow-crawl": slow_crawl,
}


@pytest.mark.parametrize("case", todays(list(CASES), 1))
def test_release_is_taken_back(case: str, stack: Stack) -> None:
    CASES[case](stack)
