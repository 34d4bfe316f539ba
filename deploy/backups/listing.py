"""The backups there are, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from deploy.backups.store import BackupInfo
from deploy.errors import ConfigError

COLUMNS = ("id", "database", "rows", "bytes", "release", "counts")


def show(infos: Sequence[BackupInfo], format: str = "text") -> str:
    """The backups, in their order, as `text` (one line each) or `json` (a list of objects)."""
    rows = [_row(info) for info in infos]
    if format == "json":
        return json.dumps(rows, indent=1)
    if format != "text":
        raise ConfigError(f"{format!r} is no format of a list", where="--format", fix="text or json")
    return _table([COLUMNS, *([_cell(row[name]) for name in COLUMNS] for row in rows)]) if rows else "no backups"


def _row(info: BackupInfo) -> dict[str, Any]:
    manifest, receipt = info.manifest, info.receipt if info.verified else None
    return {
        "id": info.id,
        "database": info.database,
        "path": info.path,
        "started_at": manifest.started_at.isoformat() if manifest else None,
        "rows": manifest.rows if manifest else None,
        "bytes": manifest.bytes if manifest else None,
        "release": manifest.release if manifest else None,
        "verified": info.verified,
        "counts": f"yes, proven {receipt.at:%Y-%m-%d %H:%M} UTC by {receipt.by}" if receipt else f"no: {info.problem}",
    }


def _cell(value: Any) -> str:
    return "?" if value is None else str(value)


def _table(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
