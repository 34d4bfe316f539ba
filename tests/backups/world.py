"""A small production to back up: two users, a database with awkward content, and a deployment of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from deploy.backups.store import Backups
from deploy.deployment import Deployment
from deploy.site import Site
from deploy.system import Environment, System

PASSWORD = "canary-of-the-backups"
CONTENT = """
CREATE TYPE mood AS ENUM ('sad', 'it''s fine', 'happy');
CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text, doubled int, m mood DEFAULT 'happy');
INSERT INTO plain (t, doubled) SELECT 'row ' || n, n FROM generate_series(1, 500) n;
INSERT INTO plain (t) VALUES (NULL), ('twice'), ('twice'), (E'tab\\tquote\\'back\\\\slash');
CREATE TABLE awkward (
  j json, b jsonb, raw bytea, words text[], nan float8, small real, big numeric, at timestamptz, span interval,
  cash money, gone int, cased varchar(10) CHECK (cased IN ('a', 'b')),
  low int, twice int GENERATED ALWAYS AS (low * 2) STORED);
ALTER TABLE awkward DROP COLUMN gone;
INSERT INTO awkward (j, b, raw, words, nan, small, big, at, span, cash, cased, low) VALUES
  ('{"b": 1,  "a": 1}', '{"b": 1, "a": null}', '\\x00ff', '{a,NULL,"c d"}', 'NaN', 0.1, 'NaN', '2026-10-25 01:30+02',
   '1 mon 2 days', 1.5, 'a', 7),
  (NULL, NULL, NULL, NULL, 1e-300, 'Infinity', 1.10, '-infinity', NULL, NULL, 'b', NULL),
  (NULL, NULL, NULL, '{}', '-0', NULL, 1.1, NULL, '00:00:01.000001', NULL, NULL, 0);
CREATE TABLE empty (id int PRIMARY KEY);
CREATE TABLE nothing ();
CREATE SCHEMA "Odd Schema";
CREATE TABLE "Odd Schema"."A ""quoted"" name" ("~row" int, "t" text);
INSERT INTO "Odd Schema"."A ""quoted"" name" VALUES (1, 'x'), (2, NULL);
CREATE TABLE parts (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('2026-01-01');
CREATE TABLE parts_new (at date, id int);
ALTER TABLE parts ATTACH PARTITION parts_new FOR VALUES FROM ('2026-01-01') TO (MAXVALUE);
ALTER TABLE parts ADD UNIQUE (id, at);
CREATE TABLE targets (id int PRIMARY KEY); INSERT INTO targets SELECT generate_series(1, 60);
ALTER TABLE parts ADD FOREIGN KEY (id) REFERENCES targets DEFERRABLE;
INSERT INTO parts SELECT n, '2025-12-01'::date + n FROM generate_series(1, 60) n;
CREATE TABLE parent (id int);
CREATE TABLE child (more text) INHERITS (parent);
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 'x');
CREATE VIEW seen AS SELECT id, upper(t) AS t FROM plain WHERE t IS NOT NULL;
CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM plain;
CREATE INDEX ON plain (lower(t)) WHERE doubled > 3;
CREATE SEQUENCE unused; CREATE SEQUENCE falling INCREMENT -2; SELECT nextval('falling'), nextval('falling');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION touch();
CREATE EXTENSION pg_trgm;
COMMENT ON TABLE plain IS 'people read this';
SELECT lo_from_bytea(0, 'large');
"""


@dataclass
class Said:
    """A progress that remembers."""

    lines: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def count(self, done: int, total: int | None, what: str) -> None:
        self.lines.append(f"{done}/{total} {what}")


@dataclass
class World:
    """One production; `app`, `admin` and `reader` are roles of its own server."""

    name: str
    superuser: str
    deployment: Deployment

    @property
    def site(self) -> Site:
        return self.deployment.site

    @property
    def backups(self) -> Backups:
        return Backups.of(self.deployment)

    @property
    def folder(self) -> Path:
        return Path(str(self.deployment.layout.backups))

    def sql(self, statement: str, dbname: str | None = None, role: str = "app") -> list[Any]:
        """Run SQL as `app`, `admin` or `superuser`; rows of the last statement."""
        if role == "superuser":
            connection = psycopg.connect(self.superuser, dbname=dbname or self.name, autocommit=True)
        else:
            connection = self.site.connect("app", admin=role == "admin", dbname=dbname or self.name)
        with connection:
            cursor = connection.execute(statement.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def databases(self) -> set[str]:
        rows = self.sql("SELECT datname FROM pg_database WHERE NOT datistemplate", "postgres")
        return {name for (name,) in rows if name.startswith(self.name)}

    def another(self, id: str) -> Deployment:
        """Another deployment of the same."""
        known = self.deployment
        return Deployment(id, known.system, known.environment, known.site, "main", known.commit, None)


def build(
    superuser: str, bin: Path, root: Path, name: str, *, content: str = CONTENT, path: tuple[str, ...] = ()
) -> World:
    """Users and database as an engine would have them: the app owns, the admin may create and is a member of it."""
    with psycopg.connect(superuser, autocommit=True) as connection:
        for role, rights in ((f"{name}_app", ""), (f"{name}_admin", "CREATEDB"), (f"{name}_reader", "")):
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(PASSWORD), sql.SQL(rights)))
        connection.execute(f"GRANT {name}_app TO {name}_admin".encode())
        connection.execute(f"CREATE DATABASE {name} OWNER {name}_app".encode())
    environment = _environment(superuser, bin, root, name, path)
    system = System.model_validate(
        {"name": "s", "title": "S", "folder": root, "flow": ["backup"], "migrations": {"folder": "migrations"}}
    )
    deployment = Deployment("20261123T011500Z-1a2b", system, environment, Site(environment), "main", "c" * 40, None)
    world = World(name, superuser, deployment)
    world.sql(content)
    return world


def _environment(superuser: str, bin: Path, root: Path, name: str, path: tuple[str, ...]) -> Environment:
    place = psycopg.conninfo.conninfo_to_dict(superuser)
    url = f"postgresql://{name}_{{}}:{PASSWORD}@{place['host']}:{place['port']}/{name}"
    return Environment.model_validate(
        {
            "name": "prod",
            "root": str(root),
            "repository": str(root / "git"),
            "path": (*path, str(bin)),
            "databases": {"app": {"url": url.format("app"), "admin_url": url.format("admin")}},
        }
    )
