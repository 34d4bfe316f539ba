"""A DAG file that Airflow cannot import."""

import no_such_module_of_the_tests  # noqa: F401
