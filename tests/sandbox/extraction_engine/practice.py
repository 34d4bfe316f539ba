"""The practice engine as a deployment runs it: a checkout, a migrated database, the practice servers, shared files."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from deploy.sandbox.extraction_engine.shared import sources_yaml

QUERIES = (("google_places", "padel edinburgh"), ("serper", "padel edinburgh"), ("openstreetmap", "padel"))
DERIVED = ("Listing", "Category", "_CategoryToListing", "MergeConflict")
TABLES = (*DERIVED, "RawIngestion", "ExtractedListing", "FailedExtraction", "ListingRelationship")


@dataclass
class Engine:
    """One release of the practice engine with its database: `run` starts one of its modules as a process."""

    folder: Path
    url: str
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env={**self.environment, "DATABASE_URL": self.url, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ok(self, module: str, *arguments: str, **environment: str) -> str:
        """The standard output of a run that must exit 0."""
        done = self.run(module, *arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ingest(self, load_id: str) -> None:
        for source, query in QUERIES:
            self.ok("engine.ingestion.cli", source, query, LOAD_ID=load_id, RELEASE="r1")

    def load(self, load_id: str) -> str:
        self.ingest(load_id)
        return self.ok("engine.extraction.run_all", "--limit", "200")

    def migrate(self) -> None:
        """Applies the checkout's migrations that the database has not seen."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS applied (name text PRIMARY KEY)")
            for path in sorted((self.folder / "web/prisma/migrations").glob("*/migration.sql")):
                name = path.parent.name
                if not connection.execute("SELECT 1 FROM applied WHERE name = %s", (name,)).fetchone():
                    connection.execute(path.read_text().encode())
                    connection.execute("INSERT INTO applied VALUES (%s)", (name,))

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def value(self, query: str, *values: Any) -> Any:
        return self.rows(query, *values)[0][0]

    def contents(self) -> dict[str, tuple[int, str]]:
        """Per table its rows and the checksum of all their columns."""
        checksum = "md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
        return {table: self.rows(f'SELECT count(*), {checksum} FROM "{table}" t')[0] for table in TABLES}

    def health(self) -> str:
        return self.ok("engine.extraction.health", "--no-color")


class Releases:
    """Makes engines: any release on any database, all with the same raw files, sources and model."""

    def __init__(self, folder: Path, repository: Path, port: int) -> None:
        self.folder, self.repository = folder, repository
        self.shared = folder / "shared"
        (self.shared / "data").mkdir(parents=True)
        self.sources = sources_yaml(f"http://127.0.0.1:{port}", {})
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        self.environment = {
            **kept,
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}/anthropic",
            "ANTHROPIC_API_KEY": "practice-key",
            "SERPER_API_KEY": "practice-key",
            "GOOGLE_PLACES_API_KEY": "practice-key",
        }

    def checkout(self, ref: str) -> Path:
        folder = self.folder / ref.replace("/", "-")
        if not folder.exists():
            clone = ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--branch", ref]
            subprocess.run([*clone, str(self.repository), str(folder)], check=True)
            (folder / "engine/data").symlink_to(self.shared / "data")
            (folder / "engine/config/sources.yaml").write_text(self.sources)
            subprocess.run([sys.executable, "-m", "engine.generate"], cwd=folder, check=True, capture_output=True)
        return folder

    def engine(self, ref: str, url: str) -> Engine:
        return Engine(self.checkout(ref), url, self.environment)
