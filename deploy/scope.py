"""What questions and steps may refer to: names between braces, and a span of time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from deploy.errors import ConfigError, nearest

NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
SPECIAL = re.compile(r"[\\.+*?()\[\]{}|^$]")


@dataclass(frozen=True)
class Scope:
    """Names for `{name}` in texts, and parameters for `:name` in SQL (always `since`, `until`, `load_id`).

    Names: `root`, `releases`, `shared`, `current`, `release` (folder of the release in question), `venv` (its virtual
    environment), `migrations` (their folder in it), `system` (the system's folder here), `mirror` (of the
    repository, here), `ref`, `commit`, and the environment's own `parameters`.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None
    params: Mapping[str, object] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """The text with every `{name}` replaced; a name nobody gave is a ConfigError with the nearest one."""
        return NAME.sub(self._value, text)

    def pattern(self, text: str) -> str:
        """A regular expression (Python's or awk's) with every `{name}` replaced by its value, taken literally."""
        return NAME.sub(lambda match: SPECIAL.sub(r"\\\g<0>", self._value(match)), text)

    def _value(self, match: re.Match[str]) -> str:
        name = match[1]
        if name not in self.names:
            raise ConfigError(f"nothing is called {{{name}}} here", fix=nearest(name, self.names))
        return self.names[name]

    @property
    def sql_params(self) -> dict[str, object]:
        return {"load_id": None, **self.params, "since": self.since, "until": self.until}
