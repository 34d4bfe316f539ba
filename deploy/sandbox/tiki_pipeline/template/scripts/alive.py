"""A container's health: `alive.py worker` or `alive.py DagProcessorJob`; exit 0 when it is alive.

The same questions as `celery inspect ping` and `airflow jobs check` ask, without loading Airflow each time.
"""

from __future__ import annotations

import os
import socket
import sys

FRESH_SECONDS = 60


def worker() -> bool:
    """Whether this container's Celery worker answers through the broker."""
    from celery import Celery

    name = f"celery@{socket.gethostname()}"
    with Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"]) as app:
        answers = app.control.ping(destination=[name], timeout=10, limit=1)
    return any(name in answer for answer in answers)


def job(kind: str) -> bool:
    """Whether this container's job of the kind has had a heartbeat lately."""
    import psycopg2

    address = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")
    with psycopg2.connect(address, connect_timeout=5) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from job where job_type = %s and state = 'running' and hostname = %s"
            " and latest_heartbeat > now() - make_interval(secs => %s)",
            (kind, socket.getfqdn(), FRESH_SECONDS),
        )
        return bool(cursor.fetchone()[0])


if __name__ == "__main__":
    subject = sys.argv[1]
    sys.exit(0 if (worker() if subject == "worker" else job(subject)) else 1)
