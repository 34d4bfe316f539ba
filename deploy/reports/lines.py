"""Results as a page lists them: an item is one line, whatever number of hosts it was asked at, and the odd one out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from deploy.result import Result, Severity, Status

WORST = (Status.FAIL, Status.UNKNOWN, Status.PENDING, Status.WAIVED, Status.PASS, Status.SKIPPED)


@dataclass(frozen=True)
class Variant:
    """One answer, and the hosts that gave it; `odd` when more hosts gave another one."""

    result: Result
    hosts: tuple[str, ...]
    odd: bool = False


@dataclass(frozen=True)
class Line:
    """One item of a phase with the answers of all its hosts, the worst first."""

    variants: tuple[Variant, ...]

    @property
    def first(self) -> Result:
        return self.variants[0].result

    @property
    def status(self) -> Status:
        return self.first.status

    @property
    def hosts(self) -> list[str]:
        return [host for variant in self.variants for host in variant.hosts]

    @property
    def where(self) -> str:
        """`web1`, `3 hosts`, or how many of them say the same as the first; empty on this machine alone."""
        if len(self.variants) > 1:
            return f"{len(self.variants[0].hosts)} of {len(self.hosts)} hosts"
        if len(self.hosts) > 1:
            return f"{len(self.hosts)} hosts"
        return "" if self.hosts[0] in ("", "localhost") else self.hosts[0]

    @property
    def took(self) -> float:
        return max(variant.result.took for variant in self.variants)


def lines(results: Iterable[Result]) -> list[Line]:
    """A line for each item, in the order in which the items first come."""
    items: dict[str, list[Result]] = {}
    for result in results:
        items.setdefault(result.item, []).append(result)
    return [Line(tuple(_variants(found))) for found in items.values()]


def _variants(results: Sequence[Result]) -> list[Variant]:
    answers: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        answers.setdefault((result.status, result.expected, result.found), []).append(result)
    most = max(len(same) for same in answers.values())
    found = [Variant(same[0], tuple(one.host for one in same), len(same) < most) for same in answers.values()]
    return sorted(found, key=lambda variant: WORST.index(variant.result.status))


def counts(results: Iterable[Result]) -> list[tuple[Status, int]]:
    """How many results have each status, without those that none has."""
    found = Counter(result.status for result in results)
    return [(status, found[status]) for status in WORST if found[status]]


def newest(results: Iterable[Result]) -> list[Result]:
    """Of results of one item at one host, the one that came last."""
    return list({(result.phase, result.item, result.host): result for result in results}.values())


def gravest(found: Iterable[Line]) -> list[Line]:
    """The lines that do not hold, the critical ones first."""
    grave = list(Severity)
    failing = [line for line in found if line.status in (Status.FAIL, Status.UNKNOWN)]
    return sorted(failing, key=lambda line: (grave.index(line.first.severity), WORST.index(line.status)))


def by_phase(results: Iterable[Result]) -> list[tuple[str, list[Line]]]:
    return [(phase, lines(found)) for phase, found in groupby(results, key=lambda result: result.phase)]
