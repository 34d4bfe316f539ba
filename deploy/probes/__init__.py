"""What can be asked of hosts, databases, caches and services: one class a question."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from deploy.probes.base import PROBES, Probe


@cache
def known_probes() -> Mapping[str, type[Probe]]:
    """Every probe by its name; imports the modules of this package, which is why it is not done any earlier."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return PROBES
