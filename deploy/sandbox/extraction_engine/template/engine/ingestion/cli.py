"""`python -m engine.ingestion.cli CONNECTOR QUERY`: fetches the next items of a source."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import psycopg

from engine import db
from engine.config import ConfigurationError
from engine.ingestion.connectors import SourceError
from engine.ingestion.ingest import ingest
from engine.records import SOURCES
from engine.store import Store


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="engine.ingestion.cli", description=__doc__)
    parser.add_argument("connector", nargs="?", choices=[*SOURCES, "status"], help="the source to ask")
    parser.add_argument("query", nargs="?", help="what to ask it for")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the cursor too")
    parser.add_argument("--list", action="store_true", help="list the connectors")
    parser.add_argument("--status", action="store_true", help="what is stored, per source")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(SOURCES))
        return 0
    if options.connector is None and not options.status:
        parser.print_help()
        return 0
    if options.query is None and options.connector != "status" and not options.status:
        parser.error("a connector needs a query")
    try:
        with db.connect() as connection:
            return _serve(Store(connection), options)
    except (ConfigurationError, SourceError, psycopg.Error) as error:
        print(f"{options.connector or 'status'}: {error}", file=sys.stderr)
        return 1


def _serve(store: Store, options: argparse.Namespace) -> int:
    if options.status or options.connector == "status":
        for row in store.ingested():
            print(f"{row['source']}: {row['rows']} items, last {row['latest']:%Y-%m-%d %H:%M:%S} UTC")
        return 0
    if options.verbose:
        print(f"{options.connector}: asking after item {store.stored(options.connector, options.query)}")
    batch = ingest(store, options.connector, options.query)
    if not batch.stored and not batch.duplicates:
        print(f"{options.connector}: no new items for {options.query!r}")
    else:
        print(f"{options.connector}: {batch.stored} new items, {batch.duplicates} duplicates not stored again")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
