"""Gigabytes of the engine's log, rotated day by day: one block of lines again and again, at moving times."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

NAME = "extraction.log"
FILES = 7  # one a day: extraction.log.6 is the oldest, and extraction.log is being written
LINES = 2000  # of a block
JSON, PLAIN = b"0000-00-00T00:00", b"0000-00-00 00:00"  # where a block has the minute
TRACE = 'Traceback (most recent call last):\n  File "engine/extraction/run.py", line 41, in main\nOSError: no route'
# Shaped like a secret, and put together here, so that no scanner finds one in this project itself.
LEAK = "asked https://reader:{}@sources.example/places".format("hunter" * 2)


def block() -> bytes:
    """Lines of one minute: mostly INFO as JSON, some plain ones, few warnings and errors, one traceback."""
    chosen = random.Random(7)  # noqa: S311 - the same block every time
    return "".join(f"{_line(number, chosen)}\n" for number in range(LINES)).encode()


def _line(number: int, chosen: random.Random) -> str:
    at = f"{number * 60 // LINES:02}"
    if number == 1250:
        return f"{PLAIN.decode()}:{at},{chosen.randrange(1000):03} CRITICAL worker {number:x}: no answer\n{TRACE}"
    if number % 25 == 0:
        told = f"connection to 10.0.{number % 250}.7:5432 took {chosen.randrange(90)} ms"
        return f"{PLAIN.decode()}:{at},{chosen.randrange(1000):03} INFO worker {number % 8:04x}: {told}"
    level = "ERROR" if number % 1000 == 499 else "WARNING" if number % 100 == 49 else "INFO"
    return json.dumps(_event(f"{JSON.decode()}:{at}.{chosen.randrange(1000):03}+00:00", level, chosen))


def _event(at: str, level: str, chosen: random.Random) -> dict[str, object]:
    source, record = chosen.choice(("google_places", "serper", "openstreetmap")), f"c{chosen.getrandbits(96):024x}"
    messages = {"ERROR": "extraction failed", "WARNING": f'rate limit of "{source}": again in {chosen.randrange(60)} s'}
    usual = chosen.choice(("extracted", f"answer of {chosen.randrange(3000)} tokens is cached"))
    return {
        "timestamp": at,
        "level": level,
        "message": messages.get(level, usual),
        "logger": "extraction",
        "source": source,
        "record_id": record,
        "duration_seconds": round(chosen.uniform(0.1, 0.9), 3),
    }


@dataclass(frozen=True)
class Logs:
    """The log's files in their folder. What is read from them by hand is read by `grep`."""

    folder: Path

    @property
    def paths(self) -> list[Path]:
        """The newest first."""
        return [self.folder / (f"{NAME}.{number}" if number else NAME) for number in range(FILES)]

    def write(self, size: int, span: timedelta) -> int:
        """Make the files anew, about so many bytes in all over the span up to now; each has one secret. The bytes."""
        lines, now = block(), datetime.now(UTC)
        each = max(1, round(size / len(lines) / FILES))
        for age, path in enumerate(self.paths):
            first, step = now - span * (age + 1) / FILES, span / FILES / each
            with path.open("wb") as file:
                file.writelines(at(lines, first + step * (number + 1)) for number in range(each))
                file.write(at(_leak(), first + step * each))
        return self.size

    def more(self, size: int) -> int:
        """Append about so many bytes to the newest file; exactly how many."""
        lines, path = block(), self.paths[0]
        before = path.stat().st_size
        with path.open("ab") as file:
            file.writelines(at(lines, datetime.now(UTC)) for _ in range(max(1, round(size / len(lines)))))
        return path.stat().st_size - before

    def cut(self, size: int) -> None:
        """Take so many bytes off the newest file again."""
        os.truncate(self.paths[0], self.paths[0].stat().st_size - size)

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.paths)

    def grep(self, levels: Sequence[str]) -> list[str]:
        """The command that counts, file by file, the lines that name one of the levels."""
        return ["grep", "-cE", "|".join(levels), *map(str, self.paths)]

    def count(self, *levels: str) -> int:
        told = subprocess.run(self.grep(levels), check=True, capture_output=True, text=True).stdout
        return sum(int(line.rpartition(":")[2]) for line in told.splitlines())

    def __iter__(self) -> Iterator[Path]:
        return iter(self.paths)


def at(lines: bytes, moment: datetime) -> bytes:
    """The block as it is logged in that minute."""
    return lines.replace(JSON, f"{moment:%Y-%m-%dT%H:%M}".encode()).replace(PLAIN, f"{moment:%Y-%m-%d %H:%M}".encode())


def _leak() -> bytes:
    event = {"timestamp": f"{JSON.decode()}:59.999+00:00", "level": "INFO", "message": LEAK, "logger": "extraction"}
    return json.dumps(event).encode() + b"\n"
