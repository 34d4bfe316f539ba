"""Migrations: applied as the release has them, reviewed by people, and the database is what they make."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import yaml
from pydantic import Field

from deploy.migrations import fingerprint, history, plan
from deploy.migrations.layout import TABLES, Kind, Migration
from deploy.probes.base import Probe
from deploy.probes.reading import table, words
from deploy.probes.sh import needs, quote
from deploy.question import Output, Rows, Shell, Sql
from deploy.result import Verdict, failed, judged, passed, unknown
from deploy.scope import Scope

# What a reviewer must not overlook. RedefineTables is Prisma's comment over a table that is copied and dropped.
FLAGS = "DROP|ALTER|RENAME|TRUNCATE|DELETE|UPDATE|RedefineTables"
BLOCK = re.compile(
    r"^\s*(?P<kind>model|enum|view|type)\s+(?P<name>\w+)\s*\{(?P<body>.*?)^\s*\}", re.MULTILINE | re.DOTALL
)
SHOWN = 20


def _files(scope: Scope, folder: str, layout: Kind) -> str:
    """Shell that prints `name<TAB>sha256<TAB>flags` for each migration; `-` for a sum where its SQL is missing."""
    pattern = "./*/" if layout == "prisma" else "./*.sql"
    name = 'name=$(basename "$f" .sql)' + ("; f=${f%/}/migration.sql" if layout == "prisma" else "")
    skip = "" if layout == "prisma" else "case $f in *.down.sql) continue;; esac"
    return "\n".join(
        [
            needs("sha256sum", "cut", "grep", "sort", "tr"),
            f"cd {quote(scope, folder)} || exit 3",
            f"for f in {pattern}; do",
            '[ -e "$f" ] || continue',
            *([skip] if skip else []),
            name,
            '[ -e "$f" ] || { printf "%s\\t-\\t\\n" "$name"; continue; }',
            '[ -r "$f" ] || { echo "$f: Permission denied" >&2; exit 3; }',
            # what a foreign key does ON DELETE destroys nothing now
            f"flags=$(grep -owiE '(on +)?({FLAGS})' \"$f\" | grep -vi '^on ' | sort -fu | tr '\\n' ' ')",
            'printf "%s\\t%s\\t%s\\n" "$name" "$(sha256sum <"$f" | cut -c 1-64)" "$flags"',
            "done",
        ]
    )


def _report(scope: Scope) -> Shell:
    """What the rehearsal of this release left behind; nothing where there was none."""
    place = f'{quote(scope, "{control}/rehearsals")}/"$(basename {quote(scope, "{release}")}).json"'
    return Shell(f'f={place}\nif [ -e "$f" ]; then cat -- "$f"; fi', limit=20_000_000)


class Applied(Probe):
    """The history of migrations is that of the release: none pending, edited, failed or unknown.

    Files are compared by checksum. Those that a rollback kept are told and do not count against it: they only add.
    """

    name: ClassVar[str] = "migrations.applied"
    example: ClassVar[str] = 'database: app\nfolder: "{release}/web/prisma/migrations"'
    database: str = "app"
    folder: str = "{migrations}"
    layout: Kind = "prisma"

    def ask(self, scope: Scope) -> tuple[Shell, Sql]:
        query = history.selection(TABLES[self.layout])
        return Shell(_files(scope, self.folder, self.layout)), Sql(self.database, (query,))

    def judge(self, *answers: Any) -> Verdict:
        files: Output = answers[0]
        expected = "every migration of the release applied, unchanged, and no other"
        listed = words(files)
        if not listed:
            return unknown(expected, "the folder has no migrations")
        if hollow := [line[0] for line in listed if line[1] == "-"]:
            return failed(expected, f"no migration.sql in {', '.join(hollow)}")
        rows: Rows = answers[1]
        found = plan.plan([Migration(line[0], "", line[1]) for line in listed], history.rows(rows.sets[0]))
        named = {
            "edited": found.edited,
            "failed": found.failed,
            "unknown": found.unknown,
            "pending": found.pending,
        }
        evidence = "\n".join(
            f"{kind}: {name}" for kind, names in [*named.items(), ("kept", found.kept)] for name in names
        )
        summary = ", ".join(f"{len(names)} {kind}" for kind, names in named.items() if names)
        return judged(found.clean, expected, summary or f"all {len(found.applied)}", evidence)


class Drift(Probe):
    """The database's schema is what the migrations make, as the rehearsal of the release found it to be."""

    name: ClassVar[str] = "migrations.drift"
    role: ClassVar[str] = "control"  # where the rehearsal has left its report
    example: ClassVar[str] = "database: app"
    database: str = "app"
    layout: Kind = "prisma"

    def ask(self, scope: Scope) -> tuple[Shell, Sql]:
        statements = (fingerprint.SQL, history.selection(TABLES[self.layout]))
        return _report(scope), Sql(self.database, statements)

    def judge(self, *answers: Any) -> Verdict:
        expected = "the schema that the migrations make"
        report, rows = _read(answers[0]), answers[1].sets
        if not report.get("fingerprint"):
            return unknown(expected, "no rehearsal of this release has left a fingerprint")
        kept = any(row.kept for row in history.rows(rows[1]))
        found = fingerprint.from_rows(rows[0])
        lines = fingerprint.differences(report["fingerprint"], found, more=kept)
        evidence = "\n".join(lines[:SHOWN])
        return judged(
            not lines, expected, f"{len(lines)} differences" if lines else f"equal, {len(found)} objects", evidence
        )


class Reviewed(Probe):
    """What a person must have read: the pending migrations with class, time and locks of their rehearsal.

    With `acknowledgements`, a YAML file on the host that maps names to reviewers, each migration must have one.
    """

    name: ClassVar[str] = "migrations.reviewed"
    role: ClassVar[str] = "control"  # where the rehearsal has left its report
    example: ClassVar[str] = 'acknowledgements: "{release}/ops/migration_reviews.yaml"'
    folder: str = "{migrations}"
    layout: Kind = "prisma"
    acknowledgements: str = ""

    def ask(self, scope: Scope) -> tuple[Shell, ...]:
        asked = (Shell(_files(scope, self.folder, self.layout)), _report(scope))
        return (*asked, Shell(f"cat -- {quote(scope, self.acknowledgements)}")) if self.acknowledgements else asked

    def judge(self, *answers: Any) -> Verdict:
        expected = "each migration has its reviewer" if self.acknowledgements else "the pending migrations, rehearsed"
        flags = {line[0]: line[2].strip() for line in words(answers[0])}
        report = _read(answers[1])
        if "migrations" not in report:
            return unknown(expected, "this release was not rehearsed")
        evidence = _evidence(report["migrations"], flags)
        if not self.acknowledgements:
            return passed(expected, f"{len(report['migrations'])} pending", evidence)
        reviewers = _reviewers(answers[2].out)
        if reviewers is None:
            return unknown(expected, "the acknowledgements are not a YAML mapping of names to reviewers")
        missing = [f"{name} ({flags[name] or 'only adds'})" for name in flags if not reviewers.get(name)]
        return judged(not missing, expected, f"no reviewer: {', '.join(missing)}" if missing else "all", evidence)


def _evidence(pending: list[Mapping[str, Any]], flags: Mapping[str, str]) -> str:
    columns = ("migration", "class", "flags", "seconds", "locks")
    rows = (
        (row["name"], row["class"], flags.get(row["name"], ""), row["seconds"], ", ".join(row["locks"]))
        for row in pending
    )
    return table(columns, rows) if pending else ""


def _reviewers(text: str) -> Mapping[str, Any] | None:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    return found if isinstance(found, dict) else None


def _read(output: Output) -> dict[str, Any]:
    """The rehearsal's report; empty where it cannot be read as one."""
    try:
        found = json.loads(output.out)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class SameSchema(Probe):
    """Several Prisma schemas describe the same models, fields and enums; generators and data sources do not count."""

    name: ClassVar[str] = "migrations.same_schema"
    example: ClassVar[str] = 'paths: ["{release}/engine/schema.prisma", "{release}/web/prisma/schema.prisma"]'
    paths: tuple[str, ...] = Field(min_length=2)

    def ask(self, scope: Scope) -> tuple[Shell, ...]:
        return tuple(Shell(f"cat -- {quote(scope, path)}") for path in self.paths)

    def judge(self, *answers: Any) -> Verdict:
        expected = "equal models, fields and enums"
        schemas = [dict(_models(answer.out)) for answer in answers]
        if empty := [path for path, schema in zip(self.paths, schemas, strict=True) if not schema]:
            return unknown(expected, f"no models in {', '.join(empty)}")
        lines = [
            f"{line}: only in {one}"
            for (one, mine), (_, others) in _pairs(self.paths, schemas)
            for line in sorted(mine - others)
        ]
        return judged(not lines, expected, f"{len(lines)} differences" if lines else "equal", "\n".join(lines[:SHOWN]))


def _models(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each block with its lines, spaces and comments evened out, in any order."""
    plain = re.sub(r"//[^\n]*", "", text)
    for block in BLOCK.finditer(plain):
        lines = (" ".join(line.split()) for line in block["body"].splitlines())
        yield f"{block['kind']} {block['name']}", tuple(line for line in lines if line)


def _pairs(
    paths: tuple[str, ...], schemas: list[dict[str, tuple[str, ...]]]
) -> Iterator[tuple[tuple[str, set[str]], tuple[str, set[str]]]]:
    sets = [
        (path, {f"{name} {{}}" for name in schema} | {f"{name}: {line}" for name in schema for line in schema[name]})
        for path, schema in zip(paths, schemas, strict=True)
    ]
    for other in sets[1:]:
        yield sets[0], other
        yield other, sets[0]
