"""Two versions of a small daily pipeline, one that fails, and one that takes its time."""

from __future__ import annotations

import time
from datetime import datetime

from airflow.sdk import DAG, Variable, task

ITEMS = int(Variable.get("shop_items", default="7"))  # at parse time, like pipelines of the field


def pipeline(dag_id: str) -> None:
    with DAG(dag_id, schedule="@daily", start_date=datetime(2024, 1, 1), catchup=False, max_active_runs=1):

        @task(task_id="crawl")
        def crawl(ti=None, **context):
            ti.xcom_push("products", [{"n": n} for n in range(ITEMS)])
            ti.xcom_push("stats", {"total": ITEMS, "rate": 2.5, "failed": 0})
            ti.xcom_push("conf", dict(context["dag_run"].conf or {}))
            return ITEMS

        @task(task_id="load")
        def load(count):
            return count

        load(crawl())


pipeline("shop_original")
pipeline("shop_optimised")

with DAG("shop_fails", schedule=None):

    @task(task_id="breaks", retries=0)
    def breaks():
        raise ValueError("broken on purpose")

    @task(task_id="after")
    def after(_):
        return 1

    after(breaks())

with DAG("shop_slow", schedule=None):

    @task(task_id="sleeps")
    def sleeps(**context):
        time.sleep(float((context["dag_run"].conf or {}).get("seconds", 5)))

    sleeps()
