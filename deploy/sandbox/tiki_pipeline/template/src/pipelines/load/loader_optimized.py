"""Load products and categories in batches: COPY into a temporary table, then one statement that inserts or updates."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg2

from common import batch_processor
from pipelines.load.db_pool import connection

BATCH = 100
NULL = "\\N"
CATEGORY_COLUMNS = ("category_id", "name", "url", "image_url", "parent_url", "level", "product_count")
PRODUCT_COLUMNS = (
    "product_id",
    "sku",
    "name",
    "url",
    "image_url",
    "category_url",
    "sales_count",
    "price",
    "original_price",
    "discount_percent",
    "rating_average",
    "review_count",
    "description",
    "specifications",
    "images",
    "seller_name",
    "seller_id",
    "seller_is_official",
    "brand",
    "stock_available",
    "stock_quantity",
    "stock_status",
    "shipping",
    "estimated_revenue",
    "price_savings",
    "popularity_score",
    "value_score",
    "discount_amount",
    "sales_velocity",
)
Row = Mapping[str, Any]


def load_categories(categories: Sequence[Row]) -> int:
    """Insert or update the categories; how many there were."""
    with connection() as database, database.cursor() as cursor:
        return len(upsert(cursor, "categories", "category_id", CATEGORY_COLUMNS, categories))


def load_products(products: Sequence[Row]) -> dict[str, Any]:
    """Insert or update the products; a batch that fails leaves the others loaded, and its error in `errors`.

    `processing_time` is in seconds.
    """
    began = time.monotonic()
    outcome = batch_processor.process(products, BATCH, _load_batch, (psycopg2.Error,))
    inserted = [new for batch in outcome.results for new in batch]
    return {
        "total_products": len(products),
        "db_loaded": len(inserted),
        "success_count": len(inserted),
        "failed_count": outcome.failed,
        "inserted_count": sum(inserted),
        "updated_count": len(inserted) - sum(inserted),
        "errors": outcome.errors,
        "processing_time": round(time.monotonic() - began, 4),
    }


def record_run(crawl_type: str, run_id: str, status: str, items: int, started_at: datetime) -> None:
    """Note a run in crawl_history."""
    with connection() as database, database.cursor() as cursor:
        cursor.execute(
            "insert into crawl_history (crawl_type, run_id, status, items_count, started_at) values (%s, %s, %s, %s, %s)",
            (crawl_type, run_id, status, items, started_at),
        )


def _load_batch(products: Sequence[Row]) -> list[bool]:
    with connection() as database, database.cursor() as cursor:
        return upsert(cursor, "products", "product_id", PRODUCT_COLUMNS, products)


def upsert(cursor: Any, table: str, key: str, columns: Sequence[str], rows: Iterable[Row]) -> list[bool]:
    """Copy the rows and merge them by `key`; for each row whether it is new. Names are constants of this module."""
    names, distinct = ", ".join(columns), {row[key]: row for row in rows}
    cursor.execute(f"create temp table incoming on commit drop as select {names} from {table} with no data")
    cursor.copy_expert(f"copy incoming ({names}) from stdin with (format csv, null '{NULL}')", _csv(distinct.values(), columns))
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
    touched = "updated_at = now()" + (", crawled_at = now()" if table == "products" else "")
    cursor.execute(
        f"insert into {table} ({names}) select {names} from incoming"
        f" on conflict ({key}) do update set {changes}, {touched} returning xmax = 0"
    )
    return [new for (new,) in cursor.fetchall()]


def _csv(rows: Iterable[Row], columns: Sequence[str]) -> io.StringIO:
    file = io.StringIO()
    writer = csv.writer(file)
    for row in rows:
        writer.writerow([_field(row.get(column)) for column in columns])
    file.seek(0)
    return file


def _field(value: Any) -> Any:
    if value is None:
        return NULL
    return json.dumps(value) if isinstance(value, dict | list) else value
