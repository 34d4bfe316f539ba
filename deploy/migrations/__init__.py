"""Migrations: read from a release, compared with a database's history, classified, applied, and proven."""
