#!/bin/sh
# As the official image: a command of Airflow's, or a program.
case ${1:-} in
airflow | bash | sh | python) exec "$@" ;;
*) exec airflow "$@" ;;
esac
