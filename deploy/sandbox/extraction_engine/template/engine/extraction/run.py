"""`python -m engine.extraction.run --source NAME --limit N`: extracts pending items of one source, or one item."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import psycopg

from engine import db
from engine.extraction import logs
from engine.extraction.pipeline import Pipeline
from engine.records import ALIASES, SOURCES, Raw
from engine.store import Store


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="engine.extraction.run", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--source", choices=[*SOURCES, *ALIASES], help="take this source's pending items")
    what.add_argument("--raw-id", help="take this one item")
    parser.add_argument("--limit", type=int, help="at most so many")
    parser.add_argument("--dry-run", action="store_true", help="extract, store nothing")
    parser.add_argument("--quiet", action="store_true", help="no log lines on standard output")
    parser.add_argument("--verbose", action="store_true", help="log lines on standard output (the default)")
    parser.add_argument("--force-retry", action="store_true", help="take items that have an outcome too")
    options = parser.parse_args(arguments)
    logs.start(quiet=options.quiet, to_file=not options.dry_run)
    try:
        with db.connect(read_only=options.dry_run) as connection:
            return extract(Store(connection), options)
    except (psycopg.Error, ValueError) as error:
        print(f"extraction: {error}", file=sys.stderr)
        return 1


def extract(store: Store, options: argparse.Namespace) -> int:
    """Runs the chosen items through the pipeline and prints the report; the exit code."""
    report = Pipeline(store, dry_run=options.dry_run).run(_chosen(store, options), again=options.force_retry)
    print("\n".join(report.lines()))
    if options.dry_run:
        print("Dry run: nothing was written")
    return report.exit_code


def _chosen(store: Store, options: argparse.Namespace) -> list[Raw]:
    if options.source:
        source = ALIASES.get(options.source, options.source)
        return store.pending(source, options.limit, again=options.force_retry)
    raw = store.raw(options.raw_id)
    if raw is None:
        raise ValueError(f"there is no raw item {options.raw_id}")
    return [raw]


if __name__ == "__main__":
    raise SystemExit(main())
