"""One JSON object a line: on standard output, and in the file that ENGINE_LOG names."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine import config

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


class JsonLines(logging.Formatter):
    """Fixed fields first, then the event's own; never contents of a record, which may name people."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"timestamp": when, "level": record.levelname, "message": record.getMessage(), "logger": record.name}
        fields: dict[str, Any] = getattr(record, "fields", {})
        return json.dumps({**line, **{key: value for key, value in fields.items() if value is not None}})


def start(*, quiet: bool = False, to_file: bool = True) -> logging.Logger:
    """The logger `extraction`, at the level of extraction.yaml; `quiet` keeps its lines off standard output."""
    logger = logging.getLogger("extraction")
    logger.handlers.clear()
    logger.propagate = False
    logger.setLevel(LEVELS[config.load("extraction").get("logging", {}).get("level", "INFO")])
    handlers: list[logging.Handler] = [] if quiet else [logging.StreamHandler(sys.stdout)]
    path = os.environ.get("ENGINE_LOG")
    if path and to_file:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, encoding="utf-8"))
    for handler in handlers or [logging.NullHandler()]:
        handler.setFormatter(JsonLines())
        logger.addHandler(handler)
    return logger


def event(level: str, message: str, **fields: Any) -> None:
    """Logs `message` with further fields (source, record_id, duration_seconds, tokens_in …)."""
    logging.getLogger("extraction").log(LEVELS[level], message, extra={"fields": fields})
