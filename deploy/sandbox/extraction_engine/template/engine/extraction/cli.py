"""`python -m engine.extraction.cli --retry-failed`: asks again about quarantined items, then merges."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import psycopg

from engine import db
from engine.extraction import logs, merge
from engine.extraction.pipeline import Pipeline
from engine.store import Store


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="engine.extraction.cli", description=__doc__)
    parser.add_argument("--retry-failed", action="store_true", help="ask again about quarantined items")
    parser.add_argument("--max-retries", type=int, default=3, help="leave items alone that were retried so often")
    parser.add_argument("--limit", type=int, help="at most so many")
    options = parser.parse_args(arguments)
    if not options.retry_failed:
        parser.print_help()
        return 1
    logs.start()
    try:
        with db.connect() as connection:
            return retry(Store(connection), options)
    except (psycopg.Error, ValueError) as error:
        print(f"retry: {error}", file=sys.stderr)
        return 1


def retry(store: Store, options: argparse.Namespace) -> int:
    """0 unless an item failed again."""
    report = Pipeline(store).run(store.failed(options.max_retries, options.limit), again=True)
    print(f"Retried: {report.total}\nSucceeded: {report.succeeded}\nFailed: {len(report.failed)}")
    print(merge.run(store))
    return 1 if report.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
