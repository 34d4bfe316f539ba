"""The tasks of tiki_crawl_products_optimized: settings from Airflow's variables, data by XCom."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import infrastructure_monitor
from common.cache_utils import Cache
from pipelines import optimized_pipeline
from pipelines.crawl import crawl_products_parallel as shop
from pipelines.load import loader_optimized
from pipelines.load.db_pool import connection


@dataclass(frozen=True)
class Settings:
    """The five variables, read when a task runs: a change counts from the next task on."""

    data_dir: Path
    max_categories: int
    max_products_per_category: int
    parallel_workers: int
    rate_limit: float

    @classmethod
    def read(cls) -> Settings:
        from airflow.sdk import Variable

        return cls(
            data_dir=Path(Variable.get("tiki_data_dir", default="/opt/airflow/data")),
            max_categories=int(Variable.get("tiki_max_categories", default="5")),
            max_products_per_category=int(Variable.get("tiki_max_products_per_category", default="100")),
            parallel_workers=int(Variable.get("tiki_parallel_workers", default="5")),
            rate_limit=float(Variable.get("tiki_rate_limit", default="0.5")),
        )


def crawl_categories(ti: Any, **_: Any) -> None:
    categories = shop.categories(Settings.read().max_categories)
    if not categories:
        raise ValueError("the shop has no categories")
    ti.xcom_push(key="categories", value=categories)
    ti.xcom_push(key="category_count", value=len(categories))


def extract_product_urls(ti: Any, **_: Any) -> None:
    settings, categories = Settings.read(), ti.xcom_pull(task_ids="crawl_categories", key="categories")
    urls = shop.product_urls(categories, settings.max_products_per_category, settings.parallel_workers)
    ti.xcom_push(key="product_urls", value=urls)
    ti.xcom_push(key="product_count", value=len(urls))


def crawl_product_details(ti: Any, run_id: str, **_: Any) -> None:
    settings, urls = Settings.read(), ti.xcom_pull(task_ids="extract_product_urls", key="product_urls")
    products, stats = shop.products(urls, settings.parallel_workers, settings.rate_limit, Cache(run_id))
    ti.xcom_push(key="crawled_products", value=products)
    ti.xcom_push(key="crawl_stats", value=stats)
    if urls and not products:
        raise ValueError("not one product could be crawled")


def transform_products(ti: Any, **_: Any) -> None:
    products = ti.xcom_pull(task_ids="crawl_product_details", key="crawled_products")
    ti.xcom_push(key="transformed_products", value=optimized_pipeline.transform(products))


def load_products(ti: Any, run_id: str, dag_run: Any, **_: Any) -> None:
    categories = ti.xcom_pull(task_ids="crawl_categories", key="categories")
    products = ti.xcom_pull(task_ids="transform_products", key="transformed_products")
    loader_optimized.load_categories(categories)
    stats = loader_optimized.load_products(products)
    stats["file_loaded"] = optimized_pipeline.save(products, Settings.read().data_dir, run_id)
    ti.xcom_push(key="load_stats", value=stats)
    status = "failed" if stats["failed_count"] else "success"
    loader_optimized.record_run("optimized", run_id, status, stats["db_loaded"], dag_run.start_date)
    if products and not stats["db_loaded"]:
        raise ValueError(f"nothing was loaded: {stats['errors'][:1]}")


def get_cache_stats(ti: Any, run_id: str, **_: Any) -> None:
    ti.xcom_push(key="cache_stats", value=Cache(run_id).stats())


def monitor_infrastructure(ti: Any, **_: Any) -> None:
    with connection() as database:
        postgres = infrastructure_monitor.get_postgres_stats(database)
    stats = {
        "system": infrastructure_monitor.get_system_resources(),
        "docker": infrastructure_monitor.get_docker_stats(),
        "postgres": postgres,
        "redis": infrastructure_monitor.get_redis_stats(),
    }
    ti.xcom_push(key="infrastructure_stats", value=stats)


def cleanup_temp_files(**_: Any) -> int:
    return optimized_pipeline.clean_up(Settings.read().data_dir)


def send_notification(ti: Any, run_id: str, **_: Any) -> None:
    crawl = ti.xcom_pull(task_ids="crawl_product_details", key="crawl_stats")
    load = ti.xcom_pull(task_ids="load_products", key="load_stats")
    cache = ti.xcom_pull(task_ids="monitoring.get_cache_stats", key="cache_stats")
    infrastructure = ti.xcom_pull(task_ids="monitoring.monitor_infrastructure", key="infrastructure_stats")
    counts = {
        "categories": ti.xcom_pull(task_ids="crawl_categories", key="category_count"),
        "products": ti.xcom_pull(task_ids="extract_product_urls", key="product_count"),
    }
    notify(f"{run_id}: {counts}, crawl {crawl}, load {load}, cache {cache}, postgres {infrastructure['postgres']}")


def notify_failure(context: Any) -> None:
    """Airflow calls it when a task has failed for good."""
    ti = context["ti"]
    notify(f"{ti.dag_id} {ti.run_id}: the task {ti.task_id} failed")


def notify(text: str) -> None:
    """Tell the webhook, where there is one, and the task's log."""
    print(text)
    if url := os.environ.get("NOTIFY_WEBHOOK_URL"):
        import httpx

        httpx.post(url, json={"content": text}, timeout=10).raise_for_status()
