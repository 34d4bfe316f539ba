"""Airflow itself reads the template's DAGs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from deploy.sandbox.tiki_pipeline import airflow_venv, history

pytestmark = pytest.mark.live

PRINT_TASKS = """
import json, sys
from airflow.models.dagbag import DagBag
bag = DagBag(sys.argv[1], include_examples=False)
dags = {name: [[task.task_id for task in dag.topological_sort()], str(dag.schedule)] for name, dag in bag.dags.items()}
print("RESULT " + json.dumps([dags, bag.import_errors]))
"""
NINE = [
    *("crawl_categories", "extract_product_urls", "crawl_product_details", "transform_products", "load_products"),
    *("monitoring.get_cache_stats", "monitoring.monitor_infrastructure", "cleanup_temp_files", "send_notification"),
]


def load(release: Path, home: Path) -> tuple[dict[str, list], dict[str, str]]:
    """The DAGs of a release, each with its tasks in order and its schedule, and the import errors."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_VAR_TIKI_DAG_SCHEDULE_MODE": "scheduled",
        "PYTHONPATH": str(release / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    argv = [airflow_venv.ensure() / "bin" / "python", "-c", PRINT_TASKS, release / "dags"]
    done = subprocess.run(argv, env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=120)
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    dags, errors = json.loads(said.removeprefix("RESULT "))
    return dags, errors


def test_both_dags_load_with_their_tasks_in_order(tmp_path: Path) -> None:
    dags, errors = load(history.HERE / "template", tmp_path)
    assert errors == {}
    assert dags["tiki_crawl_products_optimized"] == [NINE, "@daily"]
    assert dags["tiki_crawl_products"][0][-2:] == ["load_products", "send_notification"]
    assert dags["tiki_crawl_products"][1] == "@daily"


def test_the_branch_with_the_import_error_has_it_in_one_dag_only(tmp_path: Path) -> None:
    (tree,) = [commit.tree for commit in history.commits() if commit.branch == "broken/dag-import-error"]
    for name, content in tree.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    dags, errors = load(tmp_path, tmp_path)
    assert list(dags) == ["tiki_crawl_products"]
    (said,) = errors.values()
    assert "cannot import name 'settings' from 'pipelines'" in said
