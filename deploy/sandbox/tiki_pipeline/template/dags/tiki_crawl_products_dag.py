"""The original crawl: one product after another, each loaded by itself. Kept to switch back to.

It has variables of its own: TIKI_MAX_CATEGORIES, TIKI_MAX_PRODUCTS_PER_CATEGORY, TIKI_RATE_LIMIT, and
TIKI_DAG_SCHEDULE_MODE, which makes it run daily when it is `scheduled`.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Variable

from pipelines import optimized_pipeline
from pipelines.crawl import crawl_products_parallel as shop
from pipelines.dag_integration import notify, notify_failure
from pipelines.load import loader_optimized


def setting(name: str, default: str) -> float:
    return float(Variable.get(name, default=default))


def crawl_categories(ti, **_) -> None:
    ti.xcom_push(key="categories", value=shop.categories(int(setting("TIKI_MAX_CATEGORIES", "5"))))


def crawl_products(ti, **_) -> None:
    categories = ti.xcom_pull(task_ids="crawl_categories", key="categories")
    urls = shop.product_urls(categories, int(setting("TIKI_MAX_PRODUCTS_PER_CATEGORY", "100")), workers=1)
    products, stats = shop.products(urls, 1, setting("TIKI_RATE_LIMIT", "0.1"), None)
    ti.xcom_push(key="crawled_products", value=products)
    ti.xcom_push(key="crawl_stats", value=stats)


def transform_products(ti, **_) -> None:
    products = ti.xcom_pull(task_ids="crawl_products", key="crawled_products")
    ti.xcom_push(key="transformed_products", value=optimized_pipeline.transform(products))


def load_products(ti, run_id, dag_run, **_) -> None:
    products = ti.xcom_pull(task_ids="transform_products", key="transformed_products")
    loader_optimized.load_categories(ti.xcom_pull(task_ids="crawl_categories", key="categories"))
    began, loaded = time.monotonic(), 0
    for product in products:
        loaded += loader_optimized.load_products([product])["db_loaded"]
    stats = {"total_products": len(products), "db_loaded": loaded, "failed_count": len(products) - loaded}
    ti.xcom_push(key="load_stats", value={**stats, "processing_time": round(time.monotonic() - began, 4)})
    loader_optimized.record_run("original", run_id, "success", loaded, dag_run.start_date)
    if loaded < len(products):
        raise ValueError(f"{len(products) - loaded} products were not loaded")


def send_notification(ti, run_id, **_) -> None:
    notify(f"{run_id}: load {ti.xcom_pull(task_ids='load_products', key='load_stats')}")


with DAG(
    dag_id="tiki_crawl_products",
    description=__doc__,
    schedule="@daily" if Variable.get("TIKI_DAG_SCHEDULE_MODE", default="manual") == "scheduled" else None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=2),
        "retry_exponential_backoff": True,
        "email_on_failure": False,
        "on_failure_callback": notify_failure,
    },
    tags=["tiki", "original"],
):
    steps = (crawl_categories, crawl_products, transform_products, load_products, send_notification)
    previous = None
    for step in steps:
        current = PythonOperator(task_id=step.__name__, python_callable=step)
        if previous is not None:
            previous >> current
        previous = current
