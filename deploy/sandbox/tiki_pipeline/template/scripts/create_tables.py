"""Have the database of what is crawled, with its tables; nothing when they are there."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg2

TABLES = Path(__file__).parent.parent / "sql" / "crawl_data.sql"


def main() -> None:
    metadata = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")
    connection = psycopg2.connect(metadata)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("select 1 from pg_database where datname = 'crawl_data'")
        if cursor.fetchone() is None:
            cursor.execute("create database crawl_data")
    connection.close()
    with psycopg2.connect(os.environ["CRAWL_DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('public.products')")
        if cursor.fetchone() == (None,):
            cursor.execute(TABLES.read_text(encoding="utf-8"))
    print("The database crawl_data is there.")


if __name__ == "__main__":
    main()
