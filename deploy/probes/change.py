"""Whether a measure changed since before the deployment: a statistical test, and how large the change is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from deploy import duration
from deploy.errors import ConfigError
from deploy.probes.base import Probe
from deploy.probes.bounds import number, shown
from deploy.probes.sql import Query, statement
from deploy.question import Rows, Sql
from deploy.result import Verdict, judged, unknown
from deploy.scope import Scope

MOST = 5000  # samples that are compared, and kept as a baseline
RARE = 5  # expected counts below this need the exact test


def _span(text: str) -> str:
    try:
        duration.parse(text)
    except ConfigError as error:
        raise ValueError("should be a span of time like 90m, 24h or 7d") from error
    return text


class Compared(Probe):
    """What comparisons share: with what, in which direction it is worse, and when a change counts.

    `against: baseline` is what was measured before the deployment, over the span `before`; numbers in its place are a
    fixed baseline. A change counts when it is less likely by chance than `chance`, and as large as the probe says.
    """

    against: Literal["baseline"] | tuple[float, ...] = "baseline"
    before: Annotated[str, AfterValidator(_span)] = "7d"
    worse: Literal["higher", "lower"] = "higher"
    at_least: int = Field(20, ge=2)
    chance: float = Field(0.01, gt=0, lt=1)

    @property
    def span(self) -> timedelta:
        """How far back a baseline looks."""
        return duration.parse(self.before)

    def measured(self, answer: Any) -> tuple[float, ...]:
        """What an answer measured, as numbers; also what a baseline keeps. Raises ValueError for no numbers."""
        raise NotImplementedError

    def compare(self, before: Sequence[float], after: Sequence[float]) -> Verdict:
        raise NotImplementedError

    def lacking(self, before: Sequence[float], after: Sequence[float]) -> str:
        """Why there is too little to compare; empty when there is enough."""
        raise NotImplementedError

    @property
    def expected(self) -> str:
        return f"not {self.worse} than before the deployment"

    def judge_change(self, answer: Any) -> Verdict:
        if self.against == "baseline":
            return unknown(self.expected, "nothing was measured before the deployment")
        try:
            after = self.measured(answer)
        except ValueError as error:
            return unknown(self.expected, f"no number to judge: {error}")
        lacking = self.lacking(self.against, after)
        return unknown(self.expected, lacking) if lacking else self.compare(self.against, after)


class Distribution(Compared):
    """A measure of single things, compared by Mann-Whitney's test of the samples.

    `effect` is the rank-biserial correlation from which on a change counts: 0 is none, 1 is all above all before.
    """

    effect: float = Field(0.3, gt=0, le=1)
    unit: str = ""

    def lacking(self, before: Sequence[float], after: Sequence[float]) -> str:
        return _few(self.at_least, len(before), len(after))

    def compare(self, before: Sequence[float], after: Sequence[float]) -> Verdict:
        from scipy.stats import mannwhitneyu  # type: ignore[import-untyped]

        way = "greater" if self.worse == "higher" else "less"
        found = mannwhitneyu(after, before, alternative=way)
        effect = 2 * float(found.statistic) / (len(after) * len(before)) - 1  # > 0: after is higher
        worse = effect if self.worse == "higher" else -effect
        told = (
            f"median {shown(median(after))}{self.unit}, {shown(median(before))}{self.unit} before; effect {effect:+.2f}"
        )
        evidence = f"Mann-Whitney, {len(after)} samples and {len(before)} before: p = {float(found.pvalue):.3g}"
        bad = float(found.pvalue) < self.chance and worse >= self.effect
        return judged(not bad, f"{self.expected}, by an effect of {self.effect:g} or more", told, evidence)


class Samples(Distribution, Query):
    """A duration, or any measure of single things, did not get worse: Mann-Whitney's test of the samples.

    `effect` is the rank-biserial correlation from which on a change counts: 0 is none, 1 is all above all before.
    """

    name: ClassVar[str] = "sql.samples"
    example: ClassVar[str] = (
        "sql: select seconds from job where ended >= :since\nagainst: baseline\nworse: higher\nat_least: 20\nunit: ' s'"
    )

    def ask(self, scope: Scope) -> Sql | tuple[()]:
        wanted = f"select * from (\n{statement(self.sql, scope)}\n) sample limit {MOST}"
        return self.question(scope, wanted)

    def measured(self, answer: Rows) -> tuple[float, ...]:
        return tuple(float(number(row[0])) for row in answer.sets[0] if row[0] is not None)

    def judge_rows(self, rows: Rows) -> Verdict:
        return self.judge_change(rows)


class Proportion(Compared, Query):
    """A rate did not get worse: a test of two proportions. The query gives how many there were, and of how many.

    `effect` is the difference of the rates from which on a change counts: 0.05 is five points of a hundred.
    """

    name: ClassVar[str] = "sql.proportion"
    example: ClassVar[str] = (
        "sql: select count(*) filter (where ok), count(*) from extraction where at >= :since\nagainst: baseline\n"
        "worse: lower\neffect: 0.05"
    )
    worse: Literal["higher", "lower"] = "lower"
    effect: float = Field(0.05, gt=0, le=1)

    def ask(self, scope: Scope) -> Sql | tuple[()]:
        return self.question(scope, self.sql)

    def judge_rows(self, rows: Rows) -> Verdict:
        return self.judge_change(rows)

    def measured(self, answer: Rows) -> tuple[float, ...]:
        rows = answer.sets[0]
        if len(rows) != 1 or len(rows[0]) != 2:
            raise ValueError("the query should give one row: how many, and of how many")
        some, whole = (float(number(value)) for value in rows[0])
        if not 0 <= some <= whole:
            raise ValueError(f"{some:g} of {whole:g} is no share")
        return some, whole

    def lacking(self, before: Sequence[float], after: Sequence[float]) -> str:
        if len(before) != 2:
            return "the baseline should be two numbers: how many, and of how many"
        return _few(self.at_least, int(before[1]), int(after[1]))

    def compare(self, before: Sequence[float], after: Sequence[float]) -> Verdict:
        (some, whole), (had, of) = after, before
        effect = some / whole - had / of
        chance = _chance([[some, whole - some], [had, of - had]])
        worse = effect if self.worse == "higher" else -effect
        told = f"{some / whole:.1%} of {whole:g}, {had / of:.1%} of {of:g} before; {100 * effect:+.1f} points"
        bad = chance < self.chance and worse >= self.effect
        expected = f"{self.expected}, by {100 * self.effect:g} points or more"
        return judged(not bad, expected, told, f"test of two proportions: p = {chance:.3g}")


def _few(wanted: int, before: int, after: int) -> str:
    if before < wanted:
        return f"{before} of at least {wanted} samples before the deployment"
    return f"{after} of at least {wanted} samples since the deployment" if after < wanted else ""


def _chance(table: list[list[float]]) -> float:
    """How likely chance alone makes two rates differ so much; exact where counts are small."""
    from scipy.stats import chi2_contingency, fisher_exact  # type: ignore[import-untyped,unused-ignore]

    if not all(sum(column) for column in zip(*table, strict=True)):
        return 1.0  # both are 0 %, or both 100 %
    found: Any = chi2_contingency(table, correction=False)
    if found.expected_freq.min() < RARE:
        return float(fisher_exact([[round(cell) for cell in row] for row in table]).pvalue)
    return float(found.pvalue)
