"""The daily crawl: in parallel, cached, loaded in batches."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, TaskGroup

from pipelines import dag_integration as tasks

DEFAULTS = {
    "retries": 2,
    "retry_delay": timedelta(minutes=5),
    "email_on_failure": False,
    "on_failure_callback": tasks.notify_failure,
}

with DAG(
    dag_id="tiki_crawl_products_optimized",
    description=__doc__,
    schedule="@daily",
    start_date=datetime(2024, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=["tiki", "optimized"],
):

    def task(call, minutes: int) -> PythonOperator:
        return PythonOperator(
            task_id=call.__name__, python_callable=call, execution_timeout=timedelta(minutes=minutes)
        )

    crawl_categories = task(tasks.crawl_categories, 10)
    extract_product_urls = task(tasks.extract_product_urls, 30)
    crawl_product_details = task(tasks.crawl_product_details, 120)
    transform_products = task(tasks.transform_products, 30)
    load_products = task(tasks.load_products, 30)
    with TaskGroup("monitoring"):
        get_cache_stats = task(tasks.get_cache_stats, 10)
        monitor_infrastructure = task(tasks.monitor_infrastructure, 10)
    cleanup_temp_files = task(tasks.cleanup_temp_files, 10)
    send_notification = task(tasks.send_notification, 10)

    crawl_categories >> extract_product_urls >> crawl_product_details >> transform_products >> load_products
    load_products >> get_cache_stats >> monitor_infrastructure >> cleanup_temp_files >> send_notification
