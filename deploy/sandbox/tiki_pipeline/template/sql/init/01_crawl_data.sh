#!/bin/sh
# Runs once, when the data folder is empty: the database of what is crawled, and its tables.
set -eu
psql --set=ON_ERROR_STOP=1 --quiet --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --command='CREATE DATABASE crawl_data'
psql --set=ON_ERROR_STOP=1 --quiet --username="$POSTGRES_USER" --dbname=crawl_data --file=/docker-entrypoint-initdb.d/tables/crawl_data.sql
