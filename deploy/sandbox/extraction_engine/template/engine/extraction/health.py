"""`python -m engine.extraction.health`: the dashboard; exits 0 whenever the database answers, whatever the status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from engine import db
from engine.extraction.llm import cost
from engine.store import Store

STATUSES = ("HEALTHY", "WARNING", "CRITICAL")
COLOURS = {"HEALTHY": "\033[92m", "WARNING": "\033[93m", "CRITICAL": "\033[91m"}
PLAIN = "\033[0m"
WIDTH = 80
# (warning, critical): reached from below, except for the success rate, which is reached from above.
SUCCESS_RATE = (85.0, 60.0)
NULL_RATE = (50.0, 80.0)
UNPROCESSED = (1, 50)
FAILURES = (1, 10)
CONFLICTS = (1, 10)


@dataclass(frozen=True)
class Health:
    """The numbers of the dashboard; rates are percentages."""

    sources: list[dict[str, Any]]
    nulls: dict[str, float]
    failures: list[dict[str, Any]]
    conflicts: int
    llm: dict[str, int]

    @property
    def unprocessed(self) -> int:
        return sum(row["unprocessed"] for row in self.sources)

    @property
    def worst_null_rate(self) -> float:
        return max(self.nulls.values(), default=0.0)

    @property
    def status(self) -> str:
        """The worst of all the verdicts."""
        verdicts = [
            *(falling(success_rate(row), SUCCESS_RATE) for row in self.sources),
            rising(self.worst_null_rate, NULL_RATE),
            rising(self.unprocessed, UNPROCESSED),
            rising(len(self.failures), FAILURES),
            rising(self.conflicts, CONFLICTS),
        ]
        return max(verdicts, key=STATUSES.index)


def rising(value: float, limits: tuple[float, float]) -> str:
    """The verdict on a number that is better the smaller it is."""
    return STATUSES[sum(value >= limit for limit in limits)]


def falling(value: float, limits: tuple[float, float]) -> str:
    """The verdict on a number that is better the larger it is."""
    return STATUSES[sum(value <= limit for limit in limits)]


def success_rate(source: dict[str, Any]) -> float:
    """The percentage of a source's raw items that were extracted, each counted once."""
    return 100.0 * source["extracted"] / source["raw"] if source["raw"] else 0.0


def collect(store: Store) -> Health:
    """Asks the database for the numbers."""
    return Health(store.sources(), store.nulls(), store.failures(), store.conflicts(), store.llm_usage())


def render(health: Health, *, colour: bool, max_fields: int = 10, max_failures: int = 10) -> str:
    """The dashboard's text."""

    def painted(status: str) -> str:
        return f"{COLOURS[status]}{status}{PLAIN}" if colour else status

    fields = sorted(health.nulls.items(), key=lambda pair: (-pair[1], pair[0]))[:max_fields]
    used = health.llm
    blocks = {
        "SUMMARY": [
            f"Overall Status: {painted(health.status)}",
            f"Unprocessed Raw Records: {health.unprocessed}",
            f"Recent Failures: {len(health.failures)}",
            f"Merge Conflicts: {health.conflicts}",
            f"Worst Field Null Rate: {health.worst_null_rate:.1f}%",
        ],
        "SUCCESS RATE BY SOURCE": [
            f"{row['source'][:20]:<20} {success_rate(row):>6.1f}%  ({row['extracted']}/{row['raw']})"
            f"  {painted(falling(success_rate(row), SUCCESS_RATE))}"
            for row in health.sources
        ],
        "UNPROCESSED BY SOURCE": [
            f"{row['source'][:20]:<20} {row['unprocessed']}" for row in health.sources if row["unprocessed"]
        ],
        "FIELD NULL RATES": [
            f"{name[:25]:<25} {rate:>6.1f}%  {painted(rising(rate, NULL_RATE))}" for name, rate in fields
        ],
        "RECENT FAILURES": [
            f"{row['source'][:20]:<20} retried {row['retry_count']}  {row['error_message'][:46]}"
            for row in health.failures[:max_failures]
        ],
        "LLM USAGE": [
            f"Total LLM Extractions: {used['rows']}",
            f"Input Tokens: {used['input_tokens']}",
            f"Output Tokens: {used['output_tokens']}",
            f"Estimated Cost: GBP {cost(used['input_tokens'], used['output_tokens']):.4f}",
            *([f"Note: {used['rows'] - used['counted']} have no usage data"] if used["rows"] > used["counted"] else []),
        ],
    }
    lines = [
        "=" * WIDTH,
        "EXTRACTION HEALTH DASHBOARD",
        f"Generated: {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "=" * WIDTH,
    ]
    for title, body in blocks.items():
        lines += ["", title, "-" * WIDTH, *(body or ["none"])]
    return "\n".join([*lines, "", "=" * WIDTH])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="engine.extraction.health", description=__doc__)
    parser.add_argument("--no-color", action="store_true", help="plain text")
    parser.add_argument("--max-fields", type=int, default=10, help="fields to list")
    parser.add_argument("--max-failures", type=int, default=10, help="failures to list")
    options = parser.parse_args(arguments)
    try:
        with db.connect(read_only=True) as connection:
            health = collect(Store(connection))
    except psycopg.Error as error:
        print(f"health: {error}", file=sys.stderr)
        return 1
    print(render(health, colour=not options.no_color, max_fields=options.max_fields, max_failures=options.max_failures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
