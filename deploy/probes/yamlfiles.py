"""Configuration in YAML files on a host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import yaml
from pydantic import Field

from deploy.probes.base import Probe
from deploy.probes.bounds import Bounded, Bounds, Regex
from deploy.probes.reading import every
from deploy.probes.sh import quote
from deploy.question import Output, Shell
from deploy.result import Verdict, failed, unknown
from deploy.scope import Scope

CONFIDENTIAL = re.compile(r"(?i)key$|secret|token|password|dsn|url$")
PLACEHOLDER = r"(?i)^$|your[_ -]|_here$|change[_ -]?me|placeholder|^<.*>$|^x{3,}|^todo"


class YamlProbe(Probe):
    """What probes of YAML share: the file that they read."""

    path: str

    def ask(self, scope: Scope) -> Shell:
        return Shell(f"cat -- {quote(scope, self.path)}")

    def parsed(self, output: Output) -> Any:
        """The document. Raises Unreadable, without quoting the text, for what is not YAML or is empty."""
        try:
            data = yaml.safe_load(output.out)
        except yaml.MarkedYAMLError as error:
            line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
            raise Unreadable(f"not YAML{line}: {error.problem}") from None
        except (yaml.YAMLError, ValueError):  # a date like 2026-99-99 is a ValueError
            raise Unreadable("not YAML") from None
        if data is None:
            raise Unreadable("the file is empty")
        return data


class Unreadable(ValueError):
    """The file is no YAML document, so nothing can be said of its values."""


class Value(Bounded, YamlProbe):
    """A key of a YAML file has a value within bounds; a confidential one is judged and not shown."""

    name: ClassVar[str] = "yaml.value"
    example: ClassVar[str] = "path: '{release}/engine/config/extraction.yaml'\nkey: llm.model\nmatches: '^claude-'"
    key: str

    def judge(self, output: Output) -> Verdict:
        try:
            value = at(self.parsed(output), self.key)
        except Unreadable as error:
            return unknown(self.text(), str(error))
        except KeyError:
            return failed(self.text(), f"there is no key {self.key}")
        verdict = self.verdict(value)
        hidden = bool(CONFIDENTIAL.search(self.key)) and value is not None
        return Verdict(verdict.status, self.text(), "a value that is not shown" if hidden else verdict.found)


class Keys(YamlProbe):
    """A mapping in a YAML file has all these keys, and each of its values keeps to bounds."""

    name: ClassVar[str] = "yaml.keys"
    example: ClassVar[str] = (
        "path: '{release}/engine/config/extraction.yaml'\nkey: trust_levels\nall_of: [serper, openstreetmap]\n"
        "each: {at_least: 0, at_most: 100}\ninteger: true"
    )
    key: str = ""
    all_of: tuple[str, ...] = ()
    each: Bounds | None = None
    integer: bool = False

    def judge(self, output: Output) -> Verdict:
        expected = " ".join(["keys", ", ".join(self.all_of), f"each {self.each.text()}" if self.each else ""]).strip()
        try:
            found = at(self.parsed(output), self.key)
        except Unreadable as error:
            return unknown(expected, str(error))
        except KeyError:
            return failed(expected, f"there is no key {self.key}")
        if not isinstance(found, dict) or not found:
            return failed(expected, "not a mapping with keys")
        missing = [("missing", name) for name in self.all_of if name not in found]
        return every(expected, [*missing, *((self._state(value), str(key)) for key, value in found.items())], {"good"})

    def _state(self, value: object) -> str:
        if self.integer and (not isinstance(value, int) or isinstance(value, bool)):
            return "not an integer"
        try:
            return "good" if self.each is None or self.each.holds(value) else f"{value}"
        except ValueError as error:
            return str(error)


class Placeholders(YamlProbe):
    """No value of a YAML file is still a placeholder; switched-off sections (`enabled: false`) do not count."""

    name: ClassVar[str] = "yaml.placeholders"
    example: ClassVar[str] = "path: '{shared}/engine/config/sources.yaml'\nexcept: [openstreetmap.api_key]"
    pattern: Regex = PLACEHOLDER
    excepted: tuple[str, ...] = Field((), alias="except")

    def judge(self, output: Output) -> Verdict:
        try:
            values = {key: value for key, value in leaves(self.parsed(output)) if key not in self.excepted}
        except Unreadable as error:
            return unknown("no placeholders", str(error))
        states = [("a placeholder" if re.search(self.pattern, value) else "real", key) for key, value in values.items()]
        return every("no placeholders", states, {"real"})


def at(data: Any, key: str) -> Any:
    """The value at a dotted path; numbers count list entries from 0. Raises KeyError."""
    for part in filter(None, key.split(".")):
        try:
            data = data[int(part)] if isinstance(data, list) else data[part]
        except (ValueError, IndexError, TypeError):
            raise KeyError(key) from None
    return data


def leaves(data: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text below, with its dotted path, leaving out mappings that say `enabled: false`."""
    if isinstance(data, str):
        yield path, data
    if isinstance(data, dict) and data.get("enabled") is not False:
        for key, value in data.items():
            yield from leaves(value, f"{path}.{key}".lstrip("."))
    if isinstance(data, list):
        for index, value in enumerate(data):
            yield from leaves(value, f"{path}.{index}".lstrip("."))
