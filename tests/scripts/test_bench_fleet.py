"""scripts/bench fleet: ours beside ssh on two hosts, as it is measured on many."""

from __future__ import annotations

import pytest

from scripts.benchmark import fleet, peers
from scripts.benchmark.place import Broken

pytestmark = pytest.mark.live


def test_two_hosts_beside_openssh() -> None:
    rows: dict[str, fleet.Row] = {}
    with fleet.started(2) as bench:
        bench.round(rows, 2, [peers.PEERS["openssh"]])
        bench.wanted["h2"][0] = "other"
        with pytest.raises(Broken, match="h2: 'h2' instead of 'other'"):
            bench.take(peers.PEERS["openssh"].call, 2)
    assert list(rows) == [f"2 hosts: {name}" for name in ("openssh", "our openssh", "again, fabric", "again, openssh")]
    assert rows["2 hosts: openssh"].parts.keys() == {"client CPU of ours", "client CPU beside"}
