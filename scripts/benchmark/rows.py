"""Millions of rows for the practice engine, made in its database: as its jobs would have left them over some days."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg

TABLES = ("RawIngestion", "ExtractedListing", "FailedExtraction", "Listing")
# Of a hundred rows 49 are raw records, 49 their outcomes, 2 listings. What is extracted resembles what really was.
STATEMENTS = """
set session_replication_role = replica;
set synchronous_commit = off;
create temporary table model on commit drop as
select row_number() over (order by e.id) - 1 as place, r.source, r.source_url, r.file_path, e.entity_type, e.attributes,
       e.discovered_attributes, e.external_ids, e.extraction_hash, e.model_used
from "ExtractedListing" e join "RawIngestion" r on r.id = e.raw_ingestion_id;
create temporary table made on commit drop as
select n, 'made-' || lpad(n::text, 9, '0') as id,
       (now() at time zone 'UTC') - (%(records)s - n)::float / %(records)s * %(span)s::interval as at,
       n %% (select count(*) from model) as place, n / (select count(*) from model) %% 500 = 499 as bad
from generate_series(1, %(records)s) as n;
analyze model, made;
insert into "RawIngestion" (id, source, source_url, file_path, status, ingested_at, hash, metadata_json)
select n.id, m.source, m.source_url, m.file_path, 'success', n.at, md5(n.id), '{"made": true}'
from made n join model m using (place);
insert into "FailedExtraction"
    (id, raw_ingestion_id, source, error_message, error_details, last_attempt_at, "createdAt", "updatedAt")
select 'f' || n.id, n.id, m.source, 'the model is overloaded', '529', n.at, n.at, n.at
from made n join model m using (place) where n.bad and m.model_used is not null;
insert into "ExtractedListing"
    (id, raw_ingestion_id, source, entity_type, attributes, discovered_attributes, external_ids, extraction_hash,
     model_used, "createdAt", "updatedAt")
select 'e' || n.id, n.id, m.source, m.entity_type, '{"number": ' || n.n || ', ' || substr(m.attributes, 2),
       m.discovered_attributes, m.external_ids, m.extraction_hash, m.model_used, n.at, n.at
from made n join model m using (place) where not (n.bad and m.model_used is not null);
insert into "Listing" (id, entity_name, slug, "entityType", city, postcode, latitude, longitude, summary, "createdAt",
                       "updatedAt")
select id, 'Venue ' || n, id, 'venue', 'Edinburgh', 'EH' || n %% 17 || ' 1AA', 55.9, -3.2, md5(id), at, at
from made where n %% 49 < 2
"""


def fill(url: str, rows: int, span: timedelta) -> int:
    """Add so many rows, evenly over the span up to now; how many these tables hold in all. `url` is a superuser's.

    Raises psycopg.Error; then nothing was added.
    """
    with psycopg.connect(url) as connection:
        with without_indexes(connection):
            for statement in STATEMENTS.split(";\n"):
                connection.execute(statement.encode(), {"records": rows * 49 // 100, "span": span})
        counted = " union all ".join(f'select count(*) as rows from "{table}"' for table in TABLES)
        found = connection.execute(f"select sum(rows) from ({counted}) as counted".encode()).fetchone()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")
    return int(found[0]) if found else 0


@contextmanager
def without_indexes(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Drop what only makes the tables quick to search, and make it again afterwards: sooner done than kept up."""
    indexes = connection.execute(
        """select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i
           where i.indrelid = any(%s::text[]::regclass[]) and not i.indisunique""",
        ([f'"{table}"' for table in TABLES],),
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"drop index {name}".encode())
    yield
    for _, definition in indexes:
        connection.execute(str(definition).encode())
