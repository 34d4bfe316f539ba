"""One line of a checklist, and how the block below it binds it to a probe or to a person."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from deploy import duration, yamlfile
from deploy.checklists.outline import Entry
from deploy.errors import ConfigError, nearest, together
from deploy.probes import known_probes
from deploy.probes.base import Probe
from deploy.result import Severity
from deploy.yamlfile import Document

SINCE_DEPLOYMENT = "since-deployment"


@dataclass(frozen=True)
class Item:
    """One line of a checklist: a probe that is asked, a sign-off that a person gives, or a probe that a person signs.

    `due` is the span after a deployment at which it is owed (`1h`; empty: judged in the flow only), `over` the span of
    data that its probe looks at, `on` a host role or one host of it (`app[0]`, for what is done once), `only` the
    environments it applies to (none: all of them), `line` its line in the checklist, `sources` the owners' own ids for
    it. With `signoff` and a probe, the probe collects the evidence and a person signs. What is `transient` holds in its
    own phase only, for a later one changes it. `lasting` (`for:`) is how long it must fail until the monitor says so;
    `enough` is how much of the span `due` must have passed for it to be judged (empty: all of it); `role` is who signs
    it: one person signs for one role only.
    """

    id: str
    title: str
    phase: str
    section: str
    severity: Severity
    probe: Probe | None
    due: str = ""
    over: str = ""
    on: str = "app"
    only: tuple[str, ...] = ()
    action: str = ""
    note: str = ""
    line: int = 0
    sources: tuple[str, ...] = ()
    signoff: bool = False
    transient: bool = False
    lasting: str = ""
    enough: str = ""
    role: str = ""


def _id(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+", text):
        raise ValueError("should be made of a-z, 0-9 and -")
    return text


def _span(text: str) -> str:
    try:
        duration.parse(text)
    except ConfigError as error:
        raise ValueError("should be a span of time like 90m, 24h or 7d") from error
    return text


def _over(text: str) -> str:
    if text == SINCE_DEPLOYMENT:
        return text
    try:
        return _span(text)
    except ValueError as error:
        raise ValueError(f"{error}, or {SINCE_DEPLOYMENT}") from None


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Binding(BaseModel):
    """What a block says about its item. Every other key in it is a parameter of its probe."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: Annotated[str, AfterValidator(_id)]
    probe: str | None = None
    signoff: bool | str | None = None  # true, or the role of the person who signs
    severity: Severity = Severity.CRITICAL
    due: Annotated[str, AfterValidator(_span)] | None = None
    over: Annotated[str, AfterValidator(_over)] | None = None
    on: str | None = None
    only: Words = ()
    action: str = ""
    note: str = ""
    transient: bool = False
    sources: Words = ()
    lasting: Annotated[str, AfterValidator(_span)] | None = Field(None, alias="for")
    enough: Annotated[str, AfterValidator(_span)] | None = None

    @model_validator(mode="after")
    def _somebody_tells(self) -> Binding:
        if self.probe is None and self.signoff is False:
            raise ValueError("neither a probe nor a sign-off; name a `probe:`, or leave `signoff: false` out")
        return self

    @model_validator(mode="after")
    def _enough_of_something(self) -> Binding:
        if self.enough and (not self.due or duration.parse(self.enough) > duration.parse(self.due)):
            raise ValueError("`enough` is a part of the span `due`; write both, and no more of it than there is")
        return self


def bind(entry: Entry, name: str) -> Item:
    """The item that an entry of the file `name` describes. Raises ConfigError, with all that is wrong in its block."""
    if not entry.blocks:
        return _item(entry, Binding(id=_slug(entry, name)), None)
    block = entry.blocks[0]
    document = yamlfile.mapping(yamlfile.parse(block.text, name, block.line))
    return _item(entry, *_build(document, _probe_model(document)))


def _item(entry: Entry, binding: Binding, probe: Probe | None) -> Item:
    return Item(
        id=binding.id,
        title=entry.title,
        phase=entry.phase,
        section=entry.section,
        severity=binding.severity,
        probe=probe,
        due=binding.due or "",
        over=binding.over or "",
        on=binding.on or (probe.role if probe else "app"),
        only=binding.only,
        action=binding.action,
        note=_note(binding),
        line=entry.line,
        sources=binding.sources,
        transient=binding.transient,
        lasting=binding.lasting or "",
        enough=binding.enough or "",
        role=binding.signoff if isinstance(binding.signoff, str) else "",
        signoff=probe is None or bool(binding.signoff),
    )


def _note(binding: Binding) -> str:
    role = f"To be signed by: {binding.signoff}." if isinstance(binding.signoff, str) else ""
    return " ".join(filter(None, [role, binding.note]))


def _slug(entry: Entry, name: str) -> str:
    """The id of a sign-off that has no block: its title, in the letters of an id."""
    plain = unicodedata.normalize("NFKD", entry.title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not slug:
        fix = "Give it a block with an `id:`."
        raise ConfigError("no id can be made of this text", where=f"{name}:{entry.line}", fix=fix)
    return slug


def _probe_model(document: Document) -> type[Probe] | None:
    """The class that `probe:` names; None for a sign-off."""
    name = document.data.get("probe")
    if not isinstance(name, str):
        return None
    if name not in known_probes():
        fix = nearest(name, known_probes())
        raise ConfigError(f"there is no probe {name!r}", where=document.where(("probe",)), fix=fix)
    return known_probes()[name]


def _build(document: Document, model: type[Probe] | None) -> tuple[Binding, Probe | None]:
    """The binding and the probe that a block describes; complaints about both are collected."""
    ours, theirs = _keys(Binding), _keys(model) if model else set()
    problems = list(_unknown_keys(document, ours | theirs))
    binding, probe = None, None
    try:
        binding = yamlfile.build(Binding, document.only(ours))
    except ConfigError as error:
        problems.append(error)
    try:
        probe = yamlfile.build(model, document.only(theirs - ours | theirs & {"over"})) if model else None
    except ConfigError as error:
        problems.append(error)
    if binding is None or problems:
        raise together(problems)
    return binding, probe


def _keys(model: type[BaseModel]) -> set[str]:
    return {key for name, field in model.model_fields.items() for key in (name, field.alias) if key}


def _unknown_keys(document: Document, known: set[str]) -> Iterator[ConfigError]:
    signed = "" if "probe" in document.data else "; without `probe:` this is a sign-off"
    for key in document.data:
        if key not in known:
            fix = nearest(str(key), known)
            yield ConfigError(f"nothing is called {str(key)!r} here{signed}", where=document.where((key,)), fix=fix)
