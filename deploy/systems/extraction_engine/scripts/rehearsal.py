"""What the engine does to a database, seen from outside: `rehearsal.py dry-run|retry|dashboard`.

Fed on standard input to the release's own Python, in the release's folder, with DATABASE_URL set. Prints what it saw
and, last, `verdict: holds` or `verdict: does not hold`; exits 2 when nothing could be seen. `dry-run` and `retry` put
a few records of their own into the database and take them out again, so they refuse all but a scratch database.
It asks through psql, which a deployment needs anyway, and so does not rely on the engine's own way to the database.
"""
# ruff: noqa: T201 - what it prints is its answer

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

TABLES = (
    "Category",
    "Listing",
    "ListingRelationship",
    "RawIngestion",
    "ExtractedListing",
    "FailedExtraction",
    "MergeConflict",
)
OURS = "rehearsal-"  # ids of the records that we put there
TIMEOUT = 240


class NotSeen(Exception):
    """Nothing can be said; the message tells why."""


def connection() -> dict[str, str]:
    """libpq's variables for DATABASE_URL: a password in the environment is in no list of processes."""
    url = urlsplit(os.environ.get("DATABASE_URL", ""))
    options = {key: values[-1] for key, values in parse_qs(url.query).items()}
    if not url.hostname and "host" not in options:
        raise NotSeen("DATABASE_URL is not set, or names no host")
    found = {
        "PGHOST": url.hostname or options["host"],
        "PGPORT": str(url.port or 5432),
        "PGUSER": unquote(url.username or ""),
        "PGPASSWORD": unquote(url.password or ""),
        "PGDATABASE": unquote(url.path.lstrip("/")),
        "PGSSLMODE": options.get("sslmode", ""),
        "PGOPTIONS": f"-c search_path={options['schema']}" if "schema" in options else "",
        "PGCONNECT_TIMEOUT": "10",
    }
    return {key: value for key, value in found.items() if value}


def rows(sql: str) -> list[list[str]]:
    """The rows that a statement returns, as text."""
    command = ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
    try:
        done = subprocess.run(
            command, input=sql, capture_output=True, text=True, timeout=60, env={**os.environ, **connection()}
        )
    except FileNotFoundError:
        raise NotSeen("psql is not on the PATH") from None
    if done.returncode:
        raise NotSeen(f"psql: {done.stderr.strip()}")
    return [line.split("\t") for line in done.stdout.splitlines() if line]


def engine(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the engine's modules; its log file is that of real work, and stays clear of this."""
    env = {key: value for key, value in os.environ.items() if key != "ENGINE_LOG"}
    try:
        return subprocess.run(
            [sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=TIMEOUT, env=env
        )
    except subprocess.TimeoutExpired:
        raise NotSeen(f"{arguments[0]} was not done after {TIMEOUT} s") from None


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def only_scratch() -> None:
    name = connection().get("PGDATABASE", "")
    if "_scratch_" not in name:
        raise NotSeen(f"{name} is no scratch database, and this writes: run it as part of validate.pre")


def payloads(limit: int) -> list[str]:
    """Raw files of google_places: those of the database's own records, else those that the release brings for tests."""
    wanted = "select file_path from \"RawIngestion\" where source = 'google_places' and status = 'success'"
    known = [path for (path,) in rows(f"{wanted} order by ingested_at desc limit 100") if Path(path).is_file()]
    brought = sorted(str(path) for path in Path("engine").rglob("*.json") if "google_places" in str(path))
    return (known or brought)[:limit]


@contextmanager
def own_records(limit: int, failed: bool) -> Iterator[int]:
    """Have up to `limit` records there that nothing was tried on yet (`failed`: that failed once); yields how many."""
    clear = f'delete from "RawIngestion" where id like {literal(OURS + "%")}'
    files = payloads(limit)
    if not files:
        raise NotSeen("no raw file of google_places, neither in the database nor in the release")
    rows(clear)
    try:
        for number, path in enumerate(files):
            name = literal(f"{OURS}{number}")
            rows(
                'insert into "RawIngestion" (id, source, source_url, file_path, status, hash, ingested_at) values '
                f"({name}, 'google_places', 'rehearsal', {literal(path)}, 'success', {name}, '1970-01-01')"
            )
            if failed:
                rows(
                    'insert into "FailedExtraction" (id, raw_ingestion_id, source, error_message, "createdAt", '
                    f"\"updatedAt\") values ({name}, {name}, 'google_places', 'rehearsal', '1970-01-01', now())"
                )
        yield len(files)
    finally:
        rows(clear)


def contents() -> list[list[str]]:
    """Rows and checksum of each table."""
    each = (
        f"select '{table}', count(*), md5(coalesce(string_agg(md5(t::text), '' order by md5(t::text)), '')) "
        f'from "{table}" t'
        for table in TABLES
    )
    return rows(" union all ".join(each))


def dry_run() -> bool:
    """Ten records in a dry run: no error, and no row of any table is another."""
    only_scratch()
    with own_records(10, failed=False):
        before = contents()
        done = engine("engine.extraction.run", "--source=google_places", "--limit=10", "--dry-run", "--quiet")
        after = contents()
    changed = [table for (table, *was), (_, *now) in zip(before, after, strict=True) if was != now]
    total, failed = counted(done.stdout, "Total records"), counted(done.stdout, "Failed")
    print(f"exit: {done.returncode}", f"records: {total:g}", f"failed: {failed:g}", sep="\n")
    print(f"seconds per record: {counted(done.stdout, 'Average per record'):g}")
    print(f"tables changed: {', '.join(changed) or 'none'}")
    if done.returncode:
        print(*(done.stdout + done.stderr).splitlines()[-5:], sep="\n")
    return done.returncode == 0 and total > 0 and failed == 0 and not changed


def retry() -> bool:
    """Failed records are tried again: each has left quarantine afterwards, or counts one more attempt."""
    only_scratch()
    with own_records(1, failed=True):
        before = quarantined()
        done = engine("engine.extraction.cli", "--retry-failed", "--limit=5")
        after = quarantined()
    wanted = min(5, sum(count < 3 for count in before.values()))
    moved = [name for name, count in before.items() if after.get(name, count + 1) > count]
    print(f"exit: {done.returncode}", f"in quarantine: {len(before)}", f"to be tried again: {wanted}", sep="\n")
    print(f"tried again: {len(moved)}", f"left quarantine: {len(before.keys() - after.keys())}", sep="\n")
    if done.returncode not in (0, 1):
        print(*(done.stdout + done.stderr).splitlines()[-5:], sep="\n")
    return done.returncode in (0, 1) and len(moved) == wanted > 0


def quarantined() -> dict[str, int]:
    return {name: int(count) for name, count in rows('select raw_ingestion_id, retry_count from "FailedExtraction"')}


def dashboard() -> bool:
    """The dashboard's numbers are those of the database. Reads only."""
    done = engine("engine.extraction.health", "--no-color")
    if done.returncode:
        raise NotSeen(f"the dashboard exits {done.returncode}: {done.stderr.strip()}")
    raw = "select count(*) from \"RawIngestion\" r where status = 'success'"
    outcome = 'exists (select from "{}" o where o.raw_ingestion_id = r.id)'
    neither = " or ".join(outcome.format(table) for table in ("ExtractedListing", "FailedExtraction"))
    llm = "model_used is not null or source in ('serper', 'openstreetmap')"
    used = "select coalesce(sum((attributes::jsonb->'llm_usage'->>'{}')::bigint), 0) from \"ExtractedListing\""
    own = {
        "Unprocessed Raw Records": f"{raw} and not ({neither})",
        "Merge Conflicts": 'select count(*) from "MergeConflict" where not resolved',
        "Total LLM Extractions": f'select count(*) from "ExtractedListing" where {llm}',
        "Input Tokens": used.format("input_tokens"),
        "Output Tokens": used.format("output_tokens"),
    }
    pairs = [(name, counted(done.stdout, name), float(rows(sql)[0][0])) for name, sql in own.items()]
    pairs += [(f"success rate of {source}", *rates) for source, rates in success_rates(done.stdout).items()]
    for name, shown, counted_by_us in pairs:
        print(f"{name}: {shown:g} shown, {counted_by_us:g} counted")
    return all(abs(shown - counted_by_us) < 0.051 for _, shown, counted_by_us in pairs)


def success_rates(text: str) -> dict[str, tuple[float, float]]:
    """Per source: the percentage shown, and the one of raw records extracted, each counted once."""
    counted_by_us = rows(
        'select source, 100.0 * count(*) filter (where exists (select from "ExtractedListing" e '
        "where e.raw_ingestion_id = r.id)) / count(*) from \"RawIngestion\" r where status = 'success' group by source"
    )
    block = text.partition("SUCCESS RATE BY SOURCE")[2].partition("UNPROCESSED BY SOURCE")[0]
    shown = dict(re.findall(r"^(\w+)\W+([\d.]+)%", block, re.MULTILINE))
    return {source: (float(shown.get(source[:20], "nan")), float(rate)) for source, rate in counted_by_us}


def counted(text: str, name: str) -> float:
    """The number that a report gives under a name."""
    found = re.search(rf"^\W*{name}\W+?([\d.]+\d|\d)", text, re.MULTILINE | re.IGNORECASE)
    if not found:
        raise NotSeen(f"the report has no line {name!r}:\n" + "\n".join(text.splitlines()[-8:]))
    return float(found[1])


def main() -> int:
    asked = {"dry-run": dry_run, "retry": retry, "dashboard": dashboard}[sys.argv[1]]
    try:
        holds = asked()
    except NotSeen as error:
        print(f"not seen: {error}")
        return 2
    print(f"verdict: {'holds' if holds else 'does not hold'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
