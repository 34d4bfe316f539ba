"""`python -m engine.extraction.run_all --limit N`: extracts all pending items, then merges.

An item whose first answer cannot be used is asked about once more before the report.
"""

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
    parser = argparse.ArgumentParser(prog="engine.extraction.run_all", description=__doc__)
    parser.add_argument("--limit", type=int, help="at most so many items")
    parser.add_argument("--dry-run", action="store_true", help="extract, store nothing")
    parser.add_argument("--force-retry", action="store_true", help="take items that have an outcome too")
    options = parser.parse_args(arguments)
    logs.start(to_file=not options.dry_run)
    try:
        with db.connect(read_only=options.dry_run) as connection:
            return extract_all(Store(connection), options)
    except (psycopg.Error, ValueError) as error:
        print(f"extraction: {error}", file=sys.stderr)
        return 1


def extract_all(store: Store, options: argparse.Namespace) -> int:
    """Extracts, asks again about what failed, merges, reports; the exit code."""
    pipeline = Pipeline(store, dry_run=options.dry_run)
    report = pipeline.run(store.pending(None, options.limit, again=options.force_retry))
    failed = [raw for raw_id in report.failed if (raw := store.raw(raw_id))]
    report.add(pipeline.run(failed, again=True))
    print("\n".join(report.lines()))
    print("Dry run: nothing was written" if options.dry_run else merge.run(store))
    return report.exit_code


if __name__ == "__main__":
    raise SystemExit(main())
