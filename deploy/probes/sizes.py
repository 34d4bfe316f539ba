"""Sizes in bytes: written with KB, MB or GB (powers of 1024), shown in MB or GB."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

UNITS = {"": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


def parse(size: Any) -> Any:
    """The bytes that `512MB` means; what is no text stays as it is. Raises ValueError."""
    if not isinstance(size, str):
        return size
    match = re.fullmatch(r"(\d+) ?(KB|MB|GB|)", size.strip())
    if not match:
        raise ValueError("write bytes as a number, or with KB, MB or GB: 512MB")
    return int(match[1]) * UNITS[match[2]]


Bytes = Annotated[int, BeforeValidator(parse)]


def mib(size: float) -> str:
    """A size for people: `512.0 MB`, `23.5 GB`."""
    big = size >= UNITS["GB"]
    return f"{size / UNITS['GB']:.1f} GB" if big else f"{size / UNITS['MB']:.1f} MB"
