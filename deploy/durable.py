"""Files that are there in full or not at all, whatever ends a program or fills a disk; mostly for their owner alone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file's content in one instant, on the disk when this returns, readable for nobody else before."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def append(path: Path, line: str) -> None:
    """Append one line, on the disk when this returns. Where that fails, nothing of it is left behind."""
    fresh = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        before = os.fstat(descriptor).st_size
        try:
            _write(file.fileno(), (line + "\n").encode())
            os.fsync(descriptor)
        except BaseException:
            os.ftruncate(descriptor, before)
            raise
    if fresh:
        _sync_folder(path.parent)


def _write(descriptor: int, data: bytes) -> None:
    """All of it: on a disk that fills up, one write takes a part and only the next one fails."""
    while data:
        data = data[os.write(descriptor, data) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
