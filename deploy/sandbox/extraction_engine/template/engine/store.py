"""Every statement that the engine sends to its database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from engine.records import CRITICAL_FIELDS, LLM_SOURCES, Extracted, ExtractedRow, Raw, new_id

Tables = Mapping[str, list[dict[str, Any]]]

MERGE_LOCK = 20260122
RAW_COLUMNS = "r.id, r.source, r.source_url, r.file_path, r.hash, r.metadata_json"
NOT_PROCESSED = """
    NOT EXISTS (SELECT FROM "ExtractedListing" e WHERE e.raw_ingestion_id = r.id)
    AND NOT EXISTS (SELECT FROM "FailedExtraction" f WHERE f.raw_ingestion_id = r.id)"""


class Store:
    """The engine's tables over one autocommit connection; each public method is one transaction at most."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    def rows(self, query: str, values: Iterable[Any] = ()) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, tuple(values)).fetchall()

    # Ingestion

    def stored(self, source: str, query: str) -> int:
        """How many items of this source and query are here: where the next batch begins."""
        found = self.rows(
            """SELECT count(*) AS n FROM "RawIngestion"
               WHERE source = %s AND metadata_json::jsonb->>'query' = %s""",
            (source, query),
        )
        return int(found[0]["n"])

    def has(self, item_hash: str) -> bool:
        return bool(self.rows('SELECT FROM "RawIngestion" WHERE hash = %s LIMIT 1', (item_hash,)))

    def add(self, raw: Raw) -> None:
        self.connection.execute(
            """INSERT INTO "RawIngestion" (id, source, source_url, file_path, status, hash, metadata_json)
               VALUES (%s, %s, %s, %s, 'success', %s, %s::jsonb::text)""",
            (raw.id, raw.source, raw.source_url, raw.file_path, raw.hash, json.dumps(raw.metadata)),
        )

    def ingested(self) -> list[dict[str, Any]]:
        """Per source: rows, and the last of them."""
        return self.rows(
            """SELECT source, count(*) AS rows, max(ingested_at) AS latest
               FROM "RawIngestion" GROUP BY source ORDER BY source"""
        )

    # Extraction

    def pending(self, source: str | None = None, limit: int | None = None, *, again: bool = False) -> list[Raw]:
        """Fetched items without an outcome, oldest first; `again` takes those with one too."""
        query = f"""SELECT {RAW_COLUMNS} FROM "RawIngestion" r
                    WHERE r.status = 'success' AND (%s::text IS NULL OR r.source = %s)
                    {"" if again else "AND" + NOT_PROCESSED} ORDER BY r.ingested_at, r.id LIMIT %s"""
        return [_raw(row) for row in self.rows(query, (source, source, limit))]

    def raw(self, raw_id: str) -> Raw | None:
        found = self.rows(f'SELECT {RAW_COLUMNS} FROM "RawIngestion" r WHERE r.id = %s', (raw_id,))
        return _raw(found[0]) if found else None

    def failed(self, max_retries: int, limit: int | None = None) -> list[Raw]:
        """Quarantined items that were retried fewer than `max_retries` times."""
        query = f"""SELECT {RAW_COLUMNS} FROM "RawIngestion" r JOIN "FailedExtraction" f ON f.raw_ingestion_id = r.id
                    WHERE f.retry_count < %s ORDER BY f."createdAt", r.id LIMIT %s"""
        return [_raw(row) for row in self.rows(query, (max_retries, limit))]

    def cached(self, extraction_hash: str) -> dict[str, Extracted]:
        """Earlier answers to exactly this question, by the raw item they were given for, oldest first."""
        found = self.rows(
            'SELECT * FROM "ExtractedListing" WHERE extraction_hash = %s ORDER BY "createdAt", id',
            (extraction_hash,),
        )
        return {row["raw_ingestion_id"]: _extracted(row) for row in found}

    def save(self, raw: Raw, extracted: Extracted) -> None:
        """Stores the outcome, in place of an earlier one; the item leaves quarantine."""
        values = (
            extracted.entity_type,
            *(json.dumps(part) for part in (extracted.attributes, extracted.discovered, extracted.external_ids)),
            extracted.extraction_hash,
            extracted.model_used,
            raw.id,
        )
        with self.connection.transaction():
            self.connection.execute('DELETE FROM "FailedExtraction" WHERE raw_ingestion_id = %s', (raw.id,))
            updated = self.connection.execute(
                """UPDATE "ExtractedListing" SET entity_type = %s, attributes = %s, discovered_attributes = %s,
                   external_ids = %s, extraction_hash = %s, model_used = %s, "updatedAt" = now()
                   WHERE raw_ingestion_id = %s""",
                values,
            )
            if not updated.rowcount:
                self.connection.execute(
                    """INSERT INTO "ExtractedListing" (entity_type, attributes, discovered_attributes, external_ids,
                       extraction_hash, model_used, raw_ingestion_id, id, source, "updatedAt")
                       VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, now())""",
                    (*values, new_id(), raw.source),
                )

    def quarantine(self, raw: Raw, message: str, details: str) -> None:
        """Records a failure; a further one of the same item counts as a retry."""
        with self.connection.transaction():
            updated = self.connection.execute(
                """UPDATE "FailedExtraction" SET error_message = %s, error_details = %s, retry_count = retry_count + 1,
                   last_attempt_at = now(), "updatedAt" = now() WHERE raw_ingestion_id = %s""",
                (message, details, raw.id),
            )
            if not updated.rowcount:
                self.connection.execute(
                    """INSERT INTO "FailedExtraction"
                       (id, raw_ingestion_id, source, error_message, error_details, last_attempt_at, "updatedAt")
                       VALUES (%s, %s, %s, %s, %s, now(), now())""",
                    (new_id(), raw.id, raw.source, message, details),
                )

    # Merging

    def extracted(self) -> list[ExtractedRow]:
        found = self.rows('SELECT * FROM "ExtractedListing" ORDER BY "createdAt", id')
        return [ExtractedRow(row["id"], row["source"], row["createdAt"], _extracted(row)) for row in found]

    def derive(self, compute: Callable[[list[ExtractedRow]], Tables]) -> tuple[Tables, int]:
        """Makes each table that `compute` returns hold exactly those rows; also how many rows had to be written.

        One at a time: whoever waits here computes from what is there afterwards.
        """
        with self.connection.transaction():
            self.connection.execute("SELECT pg_advisory_xact_lock(%s)", (MERGE_LOCK,))
            tables = compute(self.extracted())
            return tables, sum(self._synchronise(table, wanted) for table, wanted in tables.items())

    def _synchronise(self, table: str, wanted: list[dict[str, Any]]) -> int:
        key = ["A", "B"] if table.startswith("_") else ["id"]
        there = {tuple(row[column] for column in key): row for row in self.rows(f'SELECT * FROM "{table}"')}
        goal = {tuple(row[column] for column in key): row for row in wanted}
        gone = [name for name in there if name not in goal]
        changed = [row for name, row in goal.items() if _differs(there.get(name), row)]
        with self.connection.cursor() as cursor:
            if gone:
                cursor.executemany(_delete(table, key), gone)
            if changed:
                cursor.executemany(_upsert(table, key, list(changed[0])), [list(row.values()) for row in changed])
        return len(gone) + len(changed)

    # Health

    def sources(self) -> list[dict[str, Any]]:
        """Per source: raw items, those extracted (each counted once), those without an outcome."""
        return self.rows(
            f"""SELECT r.source, count(*) AS raw,
                  count(*) FILTER (WHERE EXISTS
                    (SELECT FROM "ExtractedListing" e WHERE e.raw_ingestion_id = r.id)) AS extracted,
                  count(*) FILTER (WHERE {NOT_PROCESSED}) AS unprocessed
                FROM "RawIngestion" r WHERE r.status = 'success' GROUP BY r.source ORDER BY r.source"""
        )

    def nulls(self) -> dict[str, float]:
        """Per critical field: the percentage of extracted rows that lack it."""
        rates = ", ".join(
            f"""coalesce(100.0 * avg((attributes::jsonb->>'{field}' IS NULL)::int), 0)::float AS {field}"""
            for field in CRITICAL_FIELDS
        )
        return self.rows(f'SELECT {rates} FROM "ExtractedListing"')[0]

    def failures(self) -> list[dict[str, Any]]:
        return self.rows(
            """SELECT source, error_message, retry_count, last_attempt_at FROM "FailedExtraction"
               ORDER BY last_attempt_at DESC NULLS LAST, id"""
        )

    def conflicts(self) -> int:
        return int(self.rows('SELECT count(*) AS n FROM "MergeConflict" WHERE NOT resolved')[0]["n"])

    def llm_usage(self) -> dict[str, int]:
        usage = "attributes::jsonb->'llm_usage'"
        return self.rows(
            f"""SELECT count(*)::int AS rows, count({usage})::int AS counted,
                  coalesce(sum(({usage}->>'input_tokens')::int), 0)::int AS input_tokens,
                  coalesce(sum(({usage}->>'output_tokens')::int), 0)::int AS output_tokens
                FROM "ExtractedListing" WHERE model_used IS NOT NULL OR source = ANY(%s)""",
            (list(LLM_SOURCES),),
        )[0]


def _raw(row: Mapping[str, Any]) -> Raw:
    fields = {key: row[key] for key in ("id", "source", "source_url", "file_path", "hash")}
    return Raw(**fields, metadata=json.loads(row["metadata_json"] or "{}"))


def _extracted(row: Mapping[str, Any]) -> Extracted:
    parts = [json.loads(row[key] or "{}") for key in ("attributes", "discovered_attributes", "external_ids")]
    return Extracted(row["entity_type"], *parts, row["extraction_hash"], row["model_used"])


def _differs(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    return old is None or any(old[column] != value for column, value in new.items())


def _delete(table: str, key: list[str]) -> sql.Composed:
    where = sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in key)
    return sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(table), where)


def _upsert(table: str, key: list[str], columns: list[str]) -> sql.Composed:
    name = sql.Identifier
    sets = [sql.SQL("{0} = excluded.{0}").format(name(column)) for column in columns if column not in key]
    action = sql.SQL("UPDATE SET {}").format(sql.SQL(", ").join(sets)) if sets else sql.SQL("NOTHING")
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO {}").format(
        name(table),
        sql.SQL(", ").join(map(name, columns)),
        sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
        sql.SQL(", ").join(map(name, key)),
        action,
    )
