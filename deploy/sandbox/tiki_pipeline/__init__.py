"""The practice Tiki pipeline: a Compose project with a real Airflow, and what a machine needs to run it."""
