"""Files that are there in full or not at all, whatever ends a program or fills a disk; mostly for their owner alone."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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


@contextmanager
def uninterrupted() -> Iterator[None]:
    """What is half done is finished first: Ctrl-C and its like count at the end of the block.

    A second one counts at once. Other threads than the main one are never interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {int(number): signal.getsignal(number) for number in INTERRUPTIONS}
    usual = {number: handler for number, handler in found.items() if callable(handler)}
    came: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            usual[number](number, frame)

    try:
        for number in usual:
            signal.signal(number, wait)
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        if len(came) == 1:
            usual[came[0]](came[0], None)
